"""The tables of facts in resources/: published values, and where datasets come from."""

import csv
from pathlib import Path


def resource(name: str) -> Path:
    """A file of resources/, in the installed package or in the project's folder.

    Raises:
        FileNotFoundError: neither holds it.
    """
    here = Path(__file__).parent
    for folder in (here / "resources", here.parent / "resources"):
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"{name} is neither in {here / 'resources'} nor in {here.parent}")


def published_values() -> list[dict[str, str]]:
    """The rows of published.csv."""
    with open(resource("published.csv"), newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def registry() -> dict[str, dict[str, str]]:
    """The rows of datasets.tsv by the dataset's name."""
    with open(resource("datasets.tsv"), newline="", encoding="utf-8") as stream:
        rows = csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row["dataset"]: row for row in rows}
