"""What a measurement says, in sentences."""

from dataclasses import dataclass

from idsharp.properties.estimators import ESTIMATORS, ONE_OF_EACH_FAMILY

#: Two draws that share more than this part of their images say little about another sample.
SHARED = 0.2
# Estimates that differ by more than this factor see different scales.
_DISAGREE = 1.5


@dataclass(frozen=True)
class Sentence:
    """One finding; `warns` where it asks for something to be done."""

    text: str
    warns: bool = False


def verdict(record: dict) -> list[Sentence]:
    """Findings of a record of `idsharp.measure.run.measure`, what needs action first."""
    sentences = [*_duplicates(record), *_dimension(record), *_sharpness(record), *_left_out(record)]
    return sorted(sentences, key=lambda sentence: not sentence.warns)


def _dimension(record: dict) -> list[Sentence]:
    first, other = ONE_OF_EACH_FAMILY
    if record[first] is None:
        return [Sentence(f"The intrinsic dimension is undefined: {record[f'{first}_reason']}.")]
    text = (
        f"The intrinsic dimension is {record[first]:.1f} (95 % interval "
        f"{record[f'{first}_low']:.1f} to {record[f'{first}_high']:.1f}; "
        f"{ESTIMATORS[first].short}, k = {record['k']}, {record['n_images']} images)."
    )
    sentences = [Sentence(text)]
    if record[other] is not None:
        ratio = record[first] / record[other]
        if max(ratio, 1 / ratio) > _DISAGREE:
            sentences.append(
                Sentence(
                    f"{ESTIMATORS[other].short} gives {record[other]:.1f}: the dimension depends "
                    "on the scale at which it is looked at, as where near-duplicates remain."
                )
            )
    return sentences


def _sharpness(record: dict) -> list[Sentence]:
    if record["label_sharpness"] is None:
        return [Sentence(f"Label sharpness is undefined: {record['label_sharpness_reason']}.")]
    pair = record["sharpest_pairs"][0]
    sentences = [
        Sentence(
            f"The most similar images with different labels, {pair['first']} "
            f"({pair['first_label']}) and {pair['second']} ({pair['second_label']}), differ by "
            f"{pair['rms_difference']:.1f} of 255 gray levels (root mean square): label sharpness "
            f"over all pairs is {record['label_sharpness_all']:.3g} per gray level."
        )
    ]
    if (record["label_sharpness_shared"] or 0) > SHARED:
        sentences.append(
            Sentence(
                f"Two draws of {record['label_sharpness_m']} images share "
                f"{record['label_sharpness_shared']:.0%} of them on average, so the SD over draws "
                "is no measure of what another sample would give."
            )
        )
    return sentences


def _duplicates(record: dict) -> list[Sentence]:
    sentences = []
    conflicts = record["n_duplicate_images_across_classes"]
    if conflicts:
        sentences.append(
            Sentence(
                f"{conflicts} images are identical to one with another label: some of these labels "
                "are wrong.",
                warns=True,
            )
        )
    near = record["n_near_duplicate_pairs_across_classes"]
    if near:
        sentences.append(
            Sentence(
                f"{near} pairs of nearly identical images have different labels: look at them.",
                warns=True,
            )
        )
    leaks = record["n_test_images_also_in_training"]
    if leaks:
        sentences.append(
            Sentence(
                f"{leaks} test images also occur outside the test set, so that scores on it are "
                "too good: remove the copies from the training set.",
                warns=True,
            )
        )
    elif record["n_duplicate_groups_across_splits"]:
        sentences.append(
            Sentence(
                f"{record['n_duplicate_groups_across_splits']} groups of identical images stand on "
                "both sides of a split.",
                warns=True,
            )
        )
    if record["n_duplicates"]:
        sentences.append(Sentence(f"{record['n_duplicates']} images are copies of others."))
    elif not sentences:
        sentences.append(Sentence(f"No two of the {record['n_audited']} images are identical."))
    if record["n_near_duplicate_pairs"] and not near:
        sentences.append(
            Sentence(f"{record['n_near_duplicate_pairs']} pairs of images are nearly identical.")
        )
    return sentences


def _left_out(record: dict) -> list[Sentence]:
    sentences = []
    if record["n_left_out"]:
        kinds = ", ".join(
            f"{each['n']} {each['reason']} (such as {each['example']})"
            for each in record["left_out"]
        )
        sentences.append(
            Sentence(f"{record['n_left_out']} files are left out: {kinds}.", warns=True)
        )
    if record["n_unreadable"]:
        sentences.append(
            Sentence(
                f"{record['n_unreadable']} images could not be read and are left out; the first: "
                f"{record['unreadable'][0]['reason']}.",
                warns=True,
            )
        )
    return sentences
