"""The papers' values of intrinsic dimension and label sharpness, and a dataset among them."""

from dataclasses import dataclass

from idsharp.common.resources import published_values
from idsharp.properties.estimators import PUBLISHED

#: Values compared with: source and figure, quantity, what it was measured on, own value.
CHARTS = (
    ("miccai2022", "fig3", "intrinsic_dimension", PUBLISHED, "ID, MICCAI 2022 (7500 images)"),
    ("iclr2024", "fig1", "intrinsic_dimension", PUBLISHED, "ID, ICLR 2024 (500–1750 images)"),
    ("iclr2024", "fig1", "label_sharpness", "label_sharpness", "K_F at M = 1000, ICLR 2024"),
)
# The papers' natural datasets with one channel; their radiology has one, too.
_GREY = ("mnist",)
_SIZE, _K, _M = 224, 20, 1000
_CAUTION = "the papers' released code pairs images of one class; theirs may not be K_F as defined"


@dataclass(frozen=True)
class Chart:
    """One published chart with a dataset placed on it.

    Attributes:
        title: what it shows.
        quantity: "intrinsic_dimension" or "label_sharpness".
        rows: dataset, domain and value, ascending; domain is None for the dataset placed.
        reason: why nothing was placed; then rows is empty.
        caution: what to bear in mind, for the text below the rows; "" if nothing.
    """

    title: str
    quantity: str
    rows: list[tuple[str, str | None, float]]
    reason: str | None = None
    caution: str = ""


def place(record: dict) -> list[Chart]:
    """A measured dataset on the papers' charts, or the reason why it cannot be placed.

    Only datasets with the same number of channels are shown: distances, and so both quantities,
    depend on it.
    """
    rows = published_values()
    charts = []
    for source, figure, quantity, own, title in CHARTS:
        reason = _obstacle(record, quantity, own)
        chosen = [
            (row["dataset"], row["domain"], float(row["value"]))
            for row in rows
            if (row["source"], row["figure"], row["quantity"]) == (source, figure, quantity)
            # MICCAI's natural values were measured by others, at the datasets' own resolution.
            and not (source == "miccai2022" and row["domain"] == "natural")
            and (row["domain"] == "radiology" or row["dataset"] in _GREY)
            == (record["channels"] == 1)
        ]
        if reason is None and not chosen:
            reason = "it holds no dataset of three channels at 224×224"
        if reason:
            charts.append(Chart(title, quantity, [], reason))
            continue
        placed = sorted([*chosen, (record["name"], None, record[own])], key=lambda row: row[2])
        caution = _CAUTION if quantity == "label_sharpness" else ""
        charts.append(Chart(title, quantity, placed, caution=caution))
    return charts


def _obstacle(record: dict, quantity: str, own: str) -> str | None:
    """Why a record is not comparable with the papers' values; None where it is."""
    if (record["height"], record["width"]) != (_SIZE, _SIZE):
        return (
            f"the papers measure at {_SIZE}×{_SIZE}, these images are {record['height']}×"
            f"{record['width']}; measure with --size {_SIZE}"
        )
    if record["scaling"] != "maximum":
        return "the papers scale each image by its own maximum; measure with --scaling maximum"
    if record[own] is None:
        return f"it is undefined here ({record.get(f'{own}_reason', 'no value')})"
    if quantity == "intrinsic_dimension" and record["k"] != _K:
        return f"the papers measure with k = {_K}; measure with -k {_K}"
    if quantity == "label_sharpness" and record["label_sharpness_m"] != _M:
        return (
            f"the papers draw M = {_M} images, here M = {record['label_sharpness_m']}, and K_F "
            "grows with M"
        )
    return None


def charts_text(charts: list[Chart]) -> str:
    """The charts as text, the placed dataset marked by an arrow."""
    blocks = []
    for chart in charts:
        lines = [chart.title]
        if chart.reason:
            lines.append(f"  not compared: {chart.reason}")
        for name, domain, value in chart.rows:
            number = f"{value:.1f}" if chart.quantity == "intrinsic_dimension" else f"{value:.2e}"
            mark = "→" if domain is None else " "
            lines.append(f"{mark} {name:<30}{number:<12}{domain or 'this dataset'}")
        if chart.caution:
            lines.append(f"  ({chart.caution})")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)
