"""The tables in resources/: published values, the atlas, and the sources of datasets."""

import csv
from pathlib import Path


def resource(name: str) -> Path:
    """The path of a file in resources/, in the installed package or in the project's folder.

    Raises:
        FileNotFoundError: it is in neither.
    """
    package = Path(__file__).parents[1]
    folders = package / "resources", package.parent / "resources"
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"there is no {name} in {folders[0]} or {folders[1]}")


def published_values() -> list[dict[str, str]]:
    """The rows of published.csv."""
    return _rows("published.csv")


def atlas_rows() -> list[dict[str, str]]:
    """The rows of atlas.csv: a task each, measured at the same size, with its learning curves."""
    return _rows("atlas.csv")


def registry() -> dict[str, dict[str, str]]:
    """The rows of datasets.tsv, by dataset."""
    return {row["dataset"]: row for row in _rows("datasets.tsv")}


def medmnist_files() -> list[dict[str, str]]:
    """The rows of medmnist.tsv: one file for each collection and size."""
    return _rows("medmnist.tsv")


def _rows(name: str) -> list[dict[str, str]]:
    delimiter = "\t" if name.endswith(".tsv") else ","
    with open(resource(name), newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream, delimiter=delimiter))
