"""What `idsharp measure` prints: the record as a table for people."""

from idsharp.properties.estimators import ESTIMATORS

# Classes listed by name before the rest is summed up.
_CLASSES_SHOWN = 12
_WIDTH = 30


def table(record: dict) -> str:
    """The record of `idsharp.measure.run.measure`, with `name` and `path`, as text."""
    blocks = [_images(record), _dimension(record), _sharpness(record), _audit(record)]
    return "\n\n".join("\n".join(block) for block in blocks)


def _row(name: str, value: object) -> str:
    return f"  {name:<{_WIDTH}}{value}"


def _images(record: dict) -> list[str]:
    lines = [f"{record['name']}  ({record['path']})", ""]
    lines.append(_row("images", f"{record['n_available']}, {record['n_images']} of them measured"))
    classes = record["classes"]
    shown = [
        f"{each['label']} {each['n_available']}"
        + ("" if each["n_available"] == each["n_measured"] else f" ({each['n_measured']} measured)")
        for each in classes[:_CLASSES_SHOWN]
    ]
    if len(classes) > _CLASSES_SHOWN:
        rest = sum(each["n_available"] for each in classes[_CLASSES_SHOWN:])
        shown.append(f"{len(classes) - _CLASSES_SHOWN} more with {rest}")
    lines.append(_row(f"classes ({len(classes)})", ", ".join(shown) or "none"))
    if record["splits"]:
        splits = ", ".join(f"{each['split']} {each['n']}" for each in record["splits"])
        lines.append(_row("splits", splits))
    if record["n_patients"]:
        lines.append(_row("patients", record["n_patients"]))
    if record["n_unreadable"]:
        lines.append(_row("unreadable, left out", record["n_unreadable"]))
    colour = "grey" if record["channels"] == 1 else "colour"
    whose = "resized" if record["resized"] else "their own size"
    size = f"{record['height']}×{record['width']} ({whose})"
    scaling = {
        "maximum": "each scaled by its own maximum to 255",
        "none": "intensities as they are",
    }[record["scaling"]]
    lines.append(_row("as measured", f"{size}, {colour}, {scaling}"))
    return lines


def _dimension(record: dict) -> list[str]:
    head = f"Intrinsic dimension (k = {record['k']})"
    lines = [f"{head:<{_WIDTH + 2}}{'value':<9}95 % interval"]
    for name, estimator in ESTIMATORS.items():
        words = estimator.short
        if record[name] is None:
            lines.append(_row(words, f"undefined: {record[f'{name}_reason']}"))
            continue
        interval = f"{record[f'{name}_low']:.2f} to {record[f'{name}_high']:.2f}"
        lines.append(_row(words, f"{record[name]:<9.2f}{interval}"))
    if record.get("local_id_median") is not None:
        low, high = record["local_id_q05"], record["local_id_q95"]
        ends = "" if low is None or high is None else f"{low:.1f} to {high:.1f} in 90 % of images"
        lines.append(_row("local, median over images", f"{record['local_id_median']:<9.2f}{ends}"))
    return lines


def _sharpness(record: dict) -> list[str]:
    head = "Label sharpness K_F"
    if record["label_sharpness"] is None:
        return [head, _row("undefined", record["label_sharpness_reason"])]
    lines = [f"{head:<{_WIDTH + 2}}{'1/intensity':<26}resolution-free"]

    def value(name: str, spread: str | None = None) -> str:
        texts = []
        for suffix, form in (("", ".3e"), ("_resolution_free", ".3f")):
            text = f"{record[name + suffix]:{form}}"
            if spread and record[spread + suffix] is not None:
                text += f" ± {record[spread + suffix]:{form}}"
            texts.append(text)
        return f"{texts[0]:<26}{texts[1]}"

    m, draws = record["label_sharpness_m"], record["label_sharpness_draws"]
    if draws > 1:
        words = f"M = {m}, {draws} draws, ± SD"
        lines.append(_row(words, value("label_sharpness", "label_sharpness_sd")))
    lines.append(_row("all pairs", value("label_sharpness_all")))
    lines.append(_row("99 % of images are below", value("label_sharpness_q99")))
    pair = record["sharpest_pairs"][0]
    lines.append(_row("sharpest pair", f"{pair['first']} ({pair['first_label']})"))
    lines.append(_row("", f"{pair['second']} ({pair['second_label']})"))
    lines.append(
        _row("", f"L2 distance {pair['distance']:.1f}, {pair['rms_difference']:.2f} a pixel (RMS)")
    )
    return lines


def _audit(record: dict) -> list[str]:
    lines = [f"Audit of {record['n_audited']} images"]
    lines.append(
        _row(
            "exact duplicates",
            f"{record['n_duplicates']} copies of others ({record['n_duplicate_images']} images in "
            f"{record['n_duplicate_groups']} groups)",
        )
    )
    if record["n_classes"] > 1:
        lines.append(
            _row(
                "  under several labels",
                f"{record['n_duplicate_images_across_classes']} images in "
                f"{record['n_duplicate_groups_across_classes']} groups"
                + ("; not part of K_F" if record["n_duplicate_images_across_classes"] else ""),
            )
        )
    split = len(record["splits"]) > 1
    if split:
        lines.append(
            _row(
                "  on both sides of a split",
                f"{record['n_duplicate_groups_across_splits']} groups; "
                f"{record['n_test_images_also_in_training']} test images also occur outside it",
            )
        )
    some = "" if record["near_duplicates_complete"] else "at least "
    among = (
        ""
        if record["n_audited_near"] == record["n_audited"]
        else f" (among {record['n_audited_near']} images)"
    )
    lines.append(
        _row(
            f"near-duplicates, RMS < {record['near_duplicate_threshold']:g}",
            f"{some}{record['n_near_duplicate_pairs']} pairs of "
            f"{record['n_near_duplicate_images']} images{among}",
        )
    )
    if record["n_classes"] > 1:
        lines.append(
            _row(
                "  under several labels", f"{record['n_near_duplicate_pairs_across_classes']} pairs"
            )
        )
    if split:
        lines.append(
            _row(
                "  on both sides of a split",
                f"{record['n_near_duplicate_pairs_across_splits']} pairs",
            )
        )
    return lines
