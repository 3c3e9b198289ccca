"""Functions of the rules that are plain Python.

What code a script runs, which Python runs it, and which data of a study are there.
"""

import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

from snakemake.exceptions import WorkflowError

from idsharp.common.code import code_of, file_of
from idsharp.datasets import ADAPTERS
from idsharp.study.availability import Availability, instructions, look_over
from idsharp.study.config import ConfigError, adapter_settings

_MOST_TRACKED = 2000


def use_this_python(root: Path) -> None:
    """Let `python` in shell commands be the one that runs Snakemake, with the library in `root`.

    So nobody has to activate an environment first. A conda environment, where one is used, is
    activated inside the shell command and goes before it.
    """
    for name, first in (("PYTHONPATH", root), ("PATH", Path(sys.executable).parent)):
        rest = os.environ.get(name)
        os.environ[name] = os.pathsep.join([str(first), rest]) if rest else str(first)


@cache
def code_for(root: Path, script: str, adapter: str | None = None) -> list[str]:
    """`scripts/<script>.py` and the project modules it imports, directly or not; script first.

    Adapters of datasets are imported by name: the one that the script is to use is among them, the
    others are not.

    A file named only inside `shell` is not tracked by Snakemake, nor is any module that it imports.
    As inputs they are compared by content: an edit reruns what depends on it, a fresh checkout
    nothing.

    Paths are relative to the working directory, as those of the results are.
    """
    files = [root / "scripts" / f"{script}.py"]
    if adapter is not None:
        files.append(file_of(f"idsharp.datasets.{ADAPTERS[adapter][0]}", root))
    head, *rest = (os.path.relpath(file) for file in code_of(files, root))
    return [head, *sorted(rest)]


def tracked_paths(given: list[str]) -> list[str]:
    """Files, and folders with their folders of two levels as far as those are not too many."""
    found: list[str] = []
    for path in (Path(os.path.expanduser(os.path.expandvars(path))) for path in given):
        if path.is_dir():
            folders = [path]
            for pattern in ("*/", "*/*/"):
                deeper = [folder for folder in path.glob(pattern) if folder.name[0] != "."]
                # Every one of them is looked at whenever the workflow is parsed.
                folders += deeper if len(deeper) <= _MOST_TRACKED else []
            found += map(str, folders)
        elif path.exists():
            found.append(str(path))
    return sorted(found)


def look_for_jobs_only_when_one_ends(scheduler: Any) -> None:
    """Take Snakemake's limit of 100 jobs a second away, where nobody set another one.

    While it counts jobs, Snakemake looks for jobs to start a second after every look, and once more
    for every job that ended: after n jobs n times a second, until a core does nothing else (seen in
    versions 9.15 and 9.27).
    """
    limit = getattr(scheduler, "job_rate_limiter", None)
    if limit is not None and (limit.max_jobs, limit.timespan) == (100, 1):
        scheduler.job_rate_limiter = None


def look_over_study(config: dict, study: dict) -> list[Availability]:
    """What is there of each dataset of a study; those that were located before count as there."""
    tasks = [*study["tasks"], *study["measured"]]
    found = []
    for dataset in dict.fromkeys(config["tasks"][task]["dataset"] for task in tasks):
        if not Path(f"results/{study['name']}/index/{dataset}.receipt.json").exists():
            settings = adapter_settings(config, study, dataset)
            found.append(look_over(dataset, settings, config["data_dir"]))
    return found


def without_data(config: dict, study: dict, found: list[Availability]) -> dict:
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
        raise ConfigError(f"none of the data of study {study['name']} are there; {advice(found)}")
    note = f"Left out, since their data were not there: {', '.join(missing)}."
    return study | left | {"note": f"{study['note']} {note}".strip()}


def advice(found: list[Availability]) -> str:
    """What to do about each dataset that is missing."""
    missing = [instructions(one) for one in found if one.state == "missing"]
    return (
        f"{len(missing)} datasets are missing:\n\n"
        + "\n\n".join(missing)
        + "\n\nRun what can be run without them by `--config missing_data=skip`."
    )


def remarks(found: list[Availability]) -> list[str]:
    """What a person should know of a study's data before it starts."""
    lines = []
    for one in found:
        if one.state == "downloadable":
            size = "of unknown size" if one.download is None else f"{one.download / 1e9:.2f} GB"
            lines.append(f"{one.name} will be downloaded ({size})")
        elif one.state == "missing":
            lines.append(f"{one.name} is missing: {'; '.join(one.lacking)}")
    return lines


def stop_if_missing(found: list[Availability], missing_data: str) -> None:
    """Raise WorkflowError with what to do, where data are missing and are not to be left out."""
    if missing_data == "stop" and any(one.state == "missing" for one in found):
        raise WorkflowError(advice(found))
