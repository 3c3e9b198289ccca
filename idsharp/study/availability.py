"""Which datasets are there, which can be downloaded, and what to do about the others."""

from dataclasses import dataclass
from pathlib import Path

from idsharp.common.resources import registry
from idsharp.datasets import Dataset, DatasetError, open_dataset

# So many of the names that a folder holds are told.
_NAMED = 8


@dataclass(frozen=True)
class Availability:
    """What was found of one dataset, from names of files alone.

    Attributes:
        state: "present", "downloadable", or "missing": only the user can bring it.
        lacking: what is not there, a line each.
        download: bytes still to be fetched; None where that is not known before.
    """

    name: str
    state: str
    lacking: list[str]
    download: int | None
    dataset: Dataset


def look_over(name: str, settings: dict, data_dir: str | Path) -> Availability:
    """What is there of a dataset of config.yaml; takes milliseconds and writes nothing."""
    dataset = open_dataset(name, settings, data_dir)
    try:
        lacking = dataset.missing()
    except DatasetError as error:
        # Such as a path with an environment variable that is not set.
        return Availability(
            name, "missing", [str(error).removeprefix(f"dataset {name}: ")], None, dataset
        )
    if not lacking:
        return Availability(name, "present", [], 0, dataset)
    if dataset.downloads:
        return Availability(name, "downloadable", lacking, dataset.download_size(), dataset)
    return Availability(name, "missing", lacking, None, dataset)


def instructions(found: Availability) -> str:
    """What to do about a missing dataset: what is lacking, how to get it, and where to put it."""
    lines = [f"{found.name}: " + "; ".join(found.lacking)]
    source = registry().get(found.name)
    if source:
        lines.append(f"get it: {source['how']} ({source['url']}; {source['licence']})")
    lines += _already_there(found.dataset)
    if found.dataset.layout:
        lines.append("its folder must look like this:")
        lines += [f"  {line}" for line in found.dataset.layout.strip("\n").splitlines()]
        lines.append(f"or name another folder as datasets.{found.name}.path in a --configfile")
    return "\n  ".join(lines)


def _already_there(dataset: Dataset) -> list[str]:
    """A line on what the dataset's folder holds, if it is there."""
    try:
        names = sorted(path.name for path in dataset.path.iterdir() if path.name[0] != ".")
    except (DatasetError, OSError):
        # No such folder, or a path that cannot be made out: `lacking` says so.
        return []
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return [f"found in {dataset.path}: {', '.join(names[:_NAMED]) or 'nothing'}{more}"]


def status_table(found: list[Availability]) -> str:
    """One line a dataset: state, size of the whole, access, licence, and what is not there."""
    sources = registry()
    rows = [("dataset", "state", "GB", "access", "licence", "not there")]
    for one in found:
        source = sources.get(one.name, {"size_gb": "?", "access": "", "licence": ""})
        facts = (source["size_gb"], source["access"], source["licence"])
        lacking = "; ".join(one.lacking) if one.state == "missing" else ""
        rows.append((one.name, one.state, *facts, lacking))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
