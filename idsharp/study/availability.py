"""Which datasets of a study are there, which can be downloaded, and what to do about the others."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from idsharp.common.resources import registry
from idsharp.datasets import Dataset, DatasetError, open_dataset
from idsharp.study.config import ConfigError, adapter_settings

# The most names listed of what a folder contains.
_NAMED = 8


@dataclass(frozen=True)
class Availability:
    """What was found of one dataset, judged only by the names of files.

    Attributes:
        state: "present", "downloadable", or "missing": only the user can provide it.
        lacking: what is absent, one line each.
        download: bytes still to be fetched; None if unknown.
    """

    name: str
    state: str
    lacking: list[str]
    download: int | None
    dataset: Dataset


def look_over(name: str, settings: dict, data_dir: str | Path) -> Availability:
    """The state of a dataset of config.yaml; takes milliseconds and writes nothing."""
    dataset = open_dataset(name, settings, data_dir)
    try:
        lacking = dataset.missing()
    except DatasetError as error:
        # For example, a path with an environment variable that is not set.
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
        lines.append(f"how to get it: {source['how']} ({source['url']}; {source['licence']})")
    lines += _already_there(found.dataset)
    if found.dataset.layout:
        lines.append("its folder must look like this:")
        lines += [f"  {line}" for line in found.dataset.layout.strip("\n").splitlines()]
        lines.append(f"or name another folder as datasets.{found.name}.path in a --configfile")
    return "\n  ".join(lines)


def _already_there(dataset: Dataset) -> list[str]:
    """The contents of the dataset's folder, in one line, if it exists."""
    try:
        names = sorted(path.name for path in dataset.path.iterdir() if path.name[0] != ".")
    except (DatasetError, OSError):
        # No such folder, or a path with an unset variable: `lacking` says so.
        return []
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return [f"found in {dataset.path}: {', '.join(names[:_NAMED]) or 'nothing'}{more}"]


def datasets_of(config: dict, study: dict) -> list[str]:
    """The names of the datasets of a study's tasks, each once."""
    tasks = [*study["tasks"], *study["measured"]]
    return list(dict.fromkeys(config["tasks"][task]["dataset"] for task in tasks))


def look_over_study(config: dict, study: dict) -> list[Availability]:
    """The state of each dataset of a study, except those that were located before."""
    index = Path("results", study["name"], "index")
    names = datasets_of(config, study)
    return look_over_all(
        config, study, [name for name in names if not (index / f"{name}.receipt.json").exists()]
    )


def look_over_all(config: dict, study: dict, names: Iterable[str]) -> list[Availability]:
    """The state of the datasets with these names.

    Raises:
        ConfigError: a name is not among the datasets of the configuration.
    """
    found = []
    for name in names:
        if name not in config["datasets"]:
            known = ", ".join(config["datasets"])
            raise ConfigError(f"there is no dataset {name}; choose one of {known}")
        settings = adapter_settings(config, study, name)
        found.append(look_over(name, settings, config["data_dir"]))
    return found


def without_missing(config: dict, study: dict, found: list[Availability]) -> dict:
    """The study without the tasks of missing datasets, which its note then names.

    Raises:
        ConfigError: no task is left to train on.
    """
    missing = [one.name for one in found if one.state == "missing"]
    if not missing:
        return study
    left = {
        key: [task for task in study[key] if config["tasks"][task]["dataset"] not in missing]
        for key in ("tasks", "measured")
    }
    if not left["tasks"]:
        raise ConfigError(f"no task of study {study['name']} has its data; {advice(found)}")
    note = f"Left out, because their data are missing: {', '.join(missing)}."
    return study | left | {"note": f"{study['note']} {note}".strip()}


def advice(found: list[Availability]) -> str:
    """What to do about each dataset that is missing; "" if none is."""
    missing = [instructions(one) for one in found if one.state == "missing"]
    if not missing:
        return ""
    count = f"{len(missing)} dataset is" if len(missing) == 1 else f"{len(missing)} datasets are"
    return (
        f"{count} missing:\n\n"
        + "\n\n".join(missing)
        + "\n\nTo run the tasks that do not need them: --config missing_data=skip"
    )


def remarks(found: list[Availability]) -> list[str]:
    """What a user should know about a study's data before it starts, one line each."""
    lines = []
    for one in found:
        if one.state == "downloadable":
            size = "size unknown" if one.download is None else f"{one.download / 1e9:.2f} GB"
            lines.append(f"{one.name} will be downloaded ({size})")
        elif one.state == "missing":
            lines.append(f"{one.name} is missing: {'; '.join(one.lacking)}")
    return lines


def status_table(found: list[Availability]) -> str:
    """One line per dataset: state, total size, access, license, and what is missing."""
    sources = registry()
    rows = [("dataset", "state", "GB", "access", "license", "missing")]
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


def status(found: list[Availability], explain: bool) -> str:
    """The table of the datasets' states, and what to do about those that are missing.

    Args:
        explain: include the instructions for each one, instead of saying how to show them.
    """
    missing = [one for one in found if one.state == "missing"]
    parts = [status_table(found)]
    if explain:
        parts += [instructions(one) for one in missing]
    elif missing:
        parts.append("For how to get a missing one: python scripts/data_status.py NAME")
    return "\n\n".join(parts)
