"""What `idsharp measure` prints: the record as tables for people."""

from dataclasses import dataclass, field

from idsharp.measure.text import printable
from idsharp.measure.verdict import SHARED
from idsharp.properties.estimators import ESTIMATORS

# Classes listed by name before the rest is summed up.
_CLASSES_SHOWN = 12
_WIDTH = 30


@dataclass(frozen=True)
class Section:
    """One table.

    Attributes:
        title: of the table, above the names of its rows.
        heads: of the columns, if any.
        rows: a name and its cells; names of subordinate rows begin with two spaces.
        width: of every column but the last, as text.
    """

    title: str
    heads: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    width: int = 0

    def add(self, name: str, *cells: object) -> None:
        self.rows.append([name, *map(str, cells)])


def table(record: dict) -> str:
    """The record of `idsharp.measure.run.measure`, with `name` and `path`, as text."""
    head = f"{printable(record['name'])}  ({printable(record['path'])})"
    # The name of the collection stands in place of a title.
    return f"{head}\n\n{sections_text(sections(record)).split(chr(10), 1)[1]}"


def sections_text(tables: list[Section]) -> str:
    """Tables as text, one below the other."""
    return "\n\n".join(_as_text(section) for section in tables)


def sections(record: dict) -> list[Section]:
    """The tables: images, dimension, sharpness, audit."""
    return [_images(record), _dimension(record), _sharpness(record), _audit(record)]


def _as_text(section: Section) -> str:
    def line(name: str, cells: list[str]) -> str:
        *cells, last = [printable(cell) for cell in cells] or [""]
        return f"{name:<{_WIDTH + 2}}{''.join(f'{c:<{section.width}}' for c in cells)}{last}"

    lines = [line(section.title, section.heads)]
    lines += [line(f"  {name}", cells) for name, *cells in section.rows]
    return "\n".join(text.rstrip() for text in lines)


def _images(record: dict) -> Section:
    made = Section("Images")
    made.add("images", f"{record['n_available']}, {record['n_images']} of them measured")
    classes = record["classes"]
    shown = [
        f"{each['label']} {each['n_available']}"
        + ("" if each["n_available"] == each["n_measured"] else f" ({each['n_measured']} measured)")
        for each in classes[:_CLASSES_SHOWN]
    ]
    if len(classes) > _CLASSES_SHOWN:
        rest = sum(each["n_available"] for each in classes[_CLASSES_SHOWN:])
        shown.append(f"{len(classes) - _CLASSES_SHOWN} more with {rest}")
    made.add(f"classes ({len(classes)})", ", ".join(shown) or "none")
    if record["splits"]:
        made.add("splits", ", ".join(f"{each['split']} {each['n']}" for each in record["splits"]))
    if record["n_patients"]:
        made.add("patients", record["n_patients"])
    if record["n_left_out"]:
        kinds = ", ".join(f"{each['n']} {each['reason']}" for each in record["left_out"])
        made.add("files left out", f"{record['n_left_out']}: {kinds}")
    if record["n_unreadable"]:
        made.add("unreadable, left out", record["n_unreadable"])
    whose = "resized" if record["resized"] else "their own size"
    size = f"{record['height']}×{record['width']} ({whose})"
    scaling = {
        "maximum": "each scaled by its own maximum to 255",
        "none": "intensities as they are",
    }[record["scaling"]]
    color = "gray" if record["channels"] == 1 else "color"
    made.add("as measured", f"{size}, {color}, {scaling}")
    return made


def _dimension(record: dict) -> Section:
    title = f"Intrinsic dimension (k = {record['k']})"
    made = Section(title, ["value", "95 % interval"], width=9)
    for name, estimator in ESTIMATORS.items():
        if record[name] is None:
            made.add(estimator.short, f"undefined: {record[f'{name}_reason']}")
            continue
        interval = f"{record[f'{name}_low']:.2f} to {record[f'{name}_high']:.2f}"
        made.add(estimator.short, f"{record[name]:.2f}", interval)
    if record.get("local_id_median") is not None:
        low, high = record["local_id_q05"], record["local_id_q95"]
        ends = "" if low is None or high is None else f"{low:.1f} to {high:.1f} in 90 % of images"
        made.add("local, median over images", f"{record['local_id_median']:.2f}", ends)
    return made


def _sharpness(record: dict) -> Section:
    title = "Label sharpness K_F"
    if record["label_sharpness"] is None:
        return Section(title, rows=[["undefined", record["label_sharpness_reason"]]])
    made = Section(title, ["1/intensity", "resolution-free"], width=26)
    if record["label_sharpness_draws"] > 1:
        words = f"M = {record['label_sharpness_m']}, {record['label_sharpness_draws']} draws, ± SD"
        made.add(words, *_values(record, "label_sharpness", "label_sharpness_sd"))
        if record["label_sharpness_shared"] > SHARED:
            made.add("  two draws share", f"{record['label_sharpness_shared']:.0%} of their images")
    made.add("all pairs", *_values(record, "label_sharpness_all"))
    made.add("99 % of images are below", *_values(record, "label_sharpness_q99"))
    if record["label_sharpness_released"] is not None:
        made.add(
            f"released rule, M = {record['label_sharpness_released_m']}",
            *_values(record, "label_sharpness_released", "label_sharpness_released_sd"),
        )
    pair = record["sharpest_pairs"][0]
    made.add("sharpest pair", f"{pair['first']} ({pair['first_label']})")
    made.add("", f"{pair['second']} ({pair['second_label']})")
    made.add("", f"L2 distance {pair['distance']:.1f}, {pair['rms_difference']:.2f} a pixel (RMS)")
    return made


def _values(record: dict, name: str, spread: str | None = None) -> list[str]:
    """A value in 1/intensity and resolution-free, with its standard deviation."""
    texts = []
    for suffix, form in (("", ".3e"), ("_resolution_free", ".3f")):
        text = f"{record[name + suffix]:{form}}"
        if spread and record[spread + suffix] is not None:
            text += f" ± {record[spread + suffix]:{form}}"
        texts.append(text)
    return texts


def _audit(record: dict) -> Section:
    made = Section(f"Audit of {record['n_audited']} images")
    several, split = record["n_classes"] > 1, len(record["splits"]) > 1
    made.add(
        "exact duplicates",
        f"{record['n_duplicates']} copies of others ({record['n_duplicate_images']} images in "
        f"{record['n_duplicate_groups']} groups)",
    )
    if several:
        across = record["n_duplicate_images_across_classes"]
        made.add(
            "  under several labels",
            f"{across} images in {record['n_duplicate_groups_across_classes']} groups"
            + ("; not part of K_F" if across else ""),
        )
    if split:
        made.add(
            "  on both sides of a split",
            f"{record['n_duplicate_groups_across_splits']} groups; "
            f"{record['n_test_images_also_in_training']} test images also occur outside it",
        )
    some = "" if record["near_duplicates_complete"] else "at least "
    among = (
        ""
        if record["n_audited_near"] == record["n_audited"]
        else f" (among {record['n_audited_near']} images)"
    )
    made.add(
        f"near-duplicates, RMS < {record['near_duplicate_threshold']:g}",
        f"{some}{record['n_near_duplicate_pairs']} pairs of "
        f"{record['n_near_duplicate_images']} images{among}",
    )
    if several:
        across = record["n_near_duplicate_pairs_across_classes"]
        made.add("  under several labels", f"{across} pairs")
    if split:
        across = record["n_near_duplicate_pairs_across_splits"]
        made.add("  on both sides of a split", f"{across} pairs")
    return made
