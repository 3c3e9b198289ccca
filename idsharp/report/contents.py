"""What a study shows: its figures and tables in order, with headings and places in the papers.

The rules, the scripts, the summary and the page read these lists, and nothing else lists a figure
or a table. Captions are in rules/captions: <figure>.rst and <table>.table.rst. A new figure is an
entry here, a function in `report.figures` and a caption.

Imports nothing heavy: the rules read it whenever the workflow is parsed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """A figure or a table.

    Attributes:
        name: of its files, and of the function that draws or builds it.
        heading: in words.
        place: where the papers have it, places divided by "; "; empty where it is ours.
        claims: those of the table `claims` that it belongs to.
        blocks: whether it needs `representation_layers: blocks`.
    """

    name: str
    heading: str
    place: str = ""
    claims: tuple[str, ...] = ()
    blocks: bool = False


@dataclass(frozen=True)
class Figure(Entry):
    """A figure.

    Attributes:
        tables: those that it is drawn from.
        photographs: whether it shows images, so that pixels suit it better than vectors.
    """

    tables: tuple[str, ...] = ()
    photographs: bool = False

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Formats that it is saved in: the page shows drawings as SVG, photographs as PNG."""
        return ("pdf", "png") if self.photographs else ("pdf", "png", "svg")


@dataclass(frozen=True)
class Table(Entry):
    """A table, as CSV and LaTeX."""


_MICCAI, _ICLR = "MICCAI 2022", "ICLR 2024"
_RUNS = ("runs",)

FIGURES = (
    Figure("samples", "Samples", f"{_MICCAI}, Fig. 2", tables=("datasets",), photographs=True),
    Figure(
        "id_by_domain",
        "Intrinsic dimension",
        f"{_MICCAI}, Fig. 3; {_ICLR}, Fig. 1",
        claims=("C1",),
        tables=("properties", "runs", "comparison"),
    ),
    Figure(
        "accuracy_vs_id",
        "Accuracy against intrinsic dimension",
        f"{_MICCAI}, Fig. 4",
        claims=("C2", "C3"),
        tables=("collections", "accuracy_vs_id", "comparison", "published_fits"),
    ),
    Figure(
        "slopes",
        "Slopes by network and training size",
        f"{_MICCAI}, section 3",
        claims=("C4",),
        tables=("accuracy_vs_id",),
    ),
    Figure("accuracy_vs_n", "Accuracy against training size", f"{_MICCAI}, Fig. 5a", tables=_RUNS),
    Figure(
        "accuracy_plane",
        "Accuracy on dimension and training size",
        f"{_MICCAI}, Fig. 5b",
        tables=(*_RUNS, "accuracy_plane"),
    ),
    Figure(
        "sharpness_by_domain",
        "Label sharpness",
        f"{_ICLR}, Fig. 1",
        tables=("properties", "comparison"),
    ),
    Figure(
        "log_loss_vs_id",
        "Test loss against intrinsic dimension",
        f"{_ICLR}, Fig. 2",
        tables=_RUNS,
    ),
    Figure(
        "log_loss_vs_rate",
        "Test loss against (ln N)/d",
        f"{_ICLR}, theorem 1",
        claims=("C5",),
        tables=_RUNS,
    ),
    Figure(
        "exponents",
        "Exponents of learning curves",
        f"{_ICLR}, theorem 1",
        claims=("C5",),
        tables=("exponents",),
    ),
    Figure(
        "observed_vs_predicted",
        "Losses predicted from the other collections",
        f"{_ICLR}, theorem 1",
        claims=("C6",),
        tables=("predictions",),
    ),
    Figure(
        "log_loss_vs_representation_id",
        "Test loss against the dimension of representations",
        f"{_ICLR}, Fig. 3",
        tables=_RUNS,
    ),
    Figure(
        "loss_penalty_vs_sharpness",
        "Loss penalty under attack against label sharpness",
        f"{_ICLR}, Fig. 4",
        claims=("C7",),
        tables=("penalty_points", "loss_penalty_vs_sharpness", *_RUNS),
    ),
    Figure("attack_examples", "Attacked images", tables=("datasets", *_RUNS), photographs=True),
    Figure(
        "representation_vs_data",
        "Dimension of representations against dimension of the data",
        f"{_ICLR}, Fig. 5",
        claims=("C8",),
        tables=_RUNS,
    ),
    Figure(
        "closest_pairs", "Closest images of two classes", tables=("datasets",), photographs=True
    ),
    Figure("sharpness_over_m", "Label sharpness over the number of images", tables=("properties",)),
    Figure(
        "id_over_n",
        "Intrinsic dimension over the number of images",
        tables=("properties", *_RUNS),
    ),
    Figure(
        "id_over_k",
        "Intrinsic dimension over the number of neighbors",
        tables=("properties",),
    ),
    Figure(
        "id_by_layer",
        "Intrinsic dimension from layer to layer",
        blocks=True,
        tables=("representation_layers", *_RUNS),
    ),
    Figure("comparison", "Ours beside the papers' values", tables=("comparison",)),
)

#: Drawn into figures/all/: every network and training size by itself.
GRIDS = ("accuracy_vs_id", "log_loss_vs_id", "log_loss_vs_representation_id")

TABLES = (
    Table("datasets", "Datasets"),
    Table("properties", "Properties of every set of images"),
    Table("runs", "Trained networks"),
    Table("timings", "Time and memory of trainings"),
    Table("attacks", "Attacks"),
    Table("claims", "The papers' claims"),
    Table("comparison", "Published values beside ours"),
    Table("ranks", "Ranks of published values and ours"),
    Table("published_fits", "What the papers' own points give"),
    Table("collections", "Points: collections of images"),
    Table("penalty_points", "Points: loss penalties of collections", claims=("C7",)),
    Table("predictions", "Losses predicted from the other collections", claims=("C6",)),
    Table("hyperparameters", "How networks were trained", f"{_MICCAI}; {_ICLR}, appendix"),
    Table(
        "domain_gap",
        "Radiology beside natural images",
        f"{_MICCAI}, Fig. 3; {_ICLR}, Fig. 1",
        claims=("C1",),
    ),
    Table(
        "accuracy_vs_id",
        "Accuracy against intrinsic dimension",
        f"{_MICCAI}, Fig. 4",
        claims=("C2", "C3"),
    ),
    Table(
        "slope_contrasts",
        "Slopes by model and training size",
        f"{_MICCAI}, section 3",
        claims=("C4",),
    ),
    Table("accuracy_plane", "Accuracy on dimension and size", f"{_MICCAI}, Fig. 5b"),
    Table(
        "generalization_law",
        "Generalization law",
        f"{_ICLR}, Fig. 2, theorem 1",
        claims=("C5", "C6"),
    ),
    Table("exponents", "Learning-curve exponents", f"{_ICLR}, theorem 1", claims=("C5",)),
    Table(
        "loss_penalty_vs_sharpness",
        "Loss penalty against label sharpness",
        f"{_ICLR}, Fig. 4",
        claims=("C7",),
    ),
    Table(
        "representation_vs_data",
        "Dimension of representations against dimension of the data",
        f"{_ICLR}, section 6",
        claims=("C8",),
    ),
    Table("sharpness_vs_id", "Label sharpness against dimension", _ICLR, claims=("C6",)),
    Table("task_choice", "Another task on the same images", f"{_MICCAI}, section 4"),
    Table("representation_layers", "Dimension of every layer", blocks=True),
    Table("representation_peaks", "Layer of highest dimension", blocks=True),
)


def shown(entries: Iterable[Entry], blocks: bool) -> list[Entry]:
    """The figures or tables of a study, in order.

    Args:
        blocks: whether the study measures representations at every block.
    """
    return [entry for entry in entries if blocks or not entry.blocks]


def tables_of(figures: Iterable[Figure]) -> list[str]:
    """Names of the tables that figures are drawn from."""
    return list(dict.fromkeys(name for figure in figures for name in figure.tables))


def caption_file(entry: Entry) -> str:
    """Name of the file in rules/captions."""
    return f"{entry.name}.table.rst" if isinstance(entry, Table) else f"{entry.name}.rst"


def read_captions(files: Iterable[Path]) -> dict[str, str]:
    """Captions by the names of their files without .rst, each on one line."""
    return {path.stem: " ".join(path.read_text(encoding="utf-8").split()) for path in files}
