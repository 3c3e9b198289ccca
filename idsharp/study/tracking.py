"""What Snakemake tracks of a study's datasets, and how many processes read them."""

import os
from itertools import islice
from pathlib import Path

from idsharp.datasets import ADAPTERS, adapter_class, open_dataset
from idsharp.study.config import adapter_settings

_MOST_FILES = 2000


def adapter_module(config: dict, dataset: str) -> str:
    """Dotted name of a dataset's adapter module, which the scripts import dynamically."""
    return f"idsharp.datasets.{ADAPTERS[config['datasets'][dataset]['adapter']][0]}"


def decoding_processes(config: dict, study: dict, task: str) -> int:
    """Number of processes that decode a task's images: one if they are in memory anyway."""
    adapter = config["datasets"][config["tasks"][task]["dataset"]]["adapter"]
    return 1 if adapter_class(adapter).in_memory else study["reading_processes"]


def own_files(config: dict, study: dict, dataset: str) -> list[str]:
    """The files of a dataset that the user provides.

    Missing files are omitted; `locate` says what to do about them. A downloadable dataset has none,
    because downloading changes its folder and its files are identified by checksums.
    """
    settings = adapter_settings(config, study, dataset)
    if open_dataset(dataset, settings, config["data_dir"]).downloads:
        return []
    given = [settings.get("path", f"{config['data_dir']}/{dataset}")]
    given += [settings[key] for key in ("labels", "patients") if key in settings]
    return tracked_paths(given)


def tracked_paths(given: list[str]) -> list[str]:
    """The given files; for folders, all files in them or, if too many, two levels of subfolders.

    The time stamp of a folder changes when files are added to or removed from it.
    """
    found: list[str] = []
    for path in (Path(os.path.expanduser(os.path.expandvars(path))) for path in given):
        if not path.is_dir():
            found += [str(path)] if path.exists() else []
            continue
        # Limited, because all of them are checked whenever the workflow is parsed.
        files = list(islice((file for file in path.rglob("*") if file.is_file()), _MOST_FILES + 1))
        if len(files) > _MOST_FILES:
            files = [path]
            for pattern in ("*/", "*/*/"):
                deeper = [folder for folder in path.glob(pattern) if folder.name[0] != "."]
                files += deeper if len(deeper) <= _MOST_FILES else []
        found += map(str, files)
    return sorted(found)
