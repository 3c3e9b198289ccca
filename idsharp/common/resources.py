"""The tables of facts in resources/: published values, and where datasets come from."""

import csv
from pathlib import Path


def resource(name: str) -> Path:
    """A file of resources/, in the installed package or in the project's folder.

    Raises:
        FileNotFoundError: neither holds it.
    """
    here = Path(__file__).parents[1]
    for folder in (here / "resources", here.parent / "resources"):
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"{name} is neither in {here / 'resources'} nor in {here.parent}")


def published_values() -> list[dict[str, str]]:
    """The rows of published.csv."""
    return _rows("published.csv", ",")


def registry() -> dict[str, dict[str, str]]:
    """The rows of datasets.tsv by the dataset's name."""
    return {row["dataset"]: row for row in _rows("datasets.tsv", "\t")}


def medmnist_files() -> list[dict[str, str]]:
    """The rows of medmnist.tsv: a file for each collection and size."""
    return _rows("medmnist.tsv", "\t")


def _rows(name: str, delimiter: str) -> list[dict[str, str]]:
    with open(resource(name), newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream, delimiter=delimiter))
