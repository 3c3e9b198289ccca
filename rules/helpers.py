"""Functions of the rules that are plain Python: what Snakemake tracks, and how it runs jobs."""

import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

from idsharp.common.code import code_of, file_of
from idsharp.datasets import ADAPTERS

_MOST_TRACKED = 2000


def use_this_python(root: Path) -> None:
    """Make `python` in shell commands the one that runs Snakemake, with the library in `root`.

    Users then need not activate an environment. A conda environment, if one is used, is activated
    inside the shell command and takes precedence.
    """
    for name, first in (("PYTHONPATH", root), ("PATH", Path(sys.executable).parent)):
        rest = os.environ.get(name)
        os.environ[name] = os.pathsep.join([str(first), rest]) if rest else str(first)


@cache
def code_for(root: Path, script: str, adapter: str | None = None) -> list[str]:
    """`scripts/<script>.py` and the project modules it imports, directly or not; script first.

    Snakemake tracks neither a file named only inside `shell` nor the modules it imports. As inputs
    they are compared by content: an edit reruns what depends on it, a fresh checkout nothing.

    Args:
        adapter: the adapter that the script will import by name; other adapters are not tracked.

    Returns:
        Paths relative to the working directory, as those of the results are.
    """
    files = [root / "scripts" / f"{script}.py"]
    if adapter is not None:
        files.append(file_of(f"idsharp.datasets.{ADAPTERS[adapter][0]}", root))
    head, *rest = (os.path.relpath(file) for file in code_of(files, root))
    return [head, *sorted(rest)]


def tracked_paths(given: list[str]) -> list[str]:
    """Files, and folders with two levels of subfolders unless there are too many of them."""
    found: list[str] = []
    for path in (Path(os.path.expanduser(os.path.expandvars(path))) for path in given):
        if path.is_dir():
            folders = [path]
            for pattern in ("*/", "*/*/"):
                deeper = [folder for folder in path.glob(pattern) if folder.name[0] != "."]
                # Each of them is checked whenever the workflow is parsed.
                folders += deeper if len(deeper) <= _MOST_TRACKED else []
            found += map(str, folders)
        elif path.exists():
            found.append(str(path))
    return sorted(found)


def switch_off_job_rate_timer(scheduler: Any) -> None:
    """Take away Snakemake's default limit of 100 jobs a second, for jobs on this machine alone.

    While it stands, every look for jobs to start plans another look a second later, and so does
    every job that ends: after n jobs there are n looks a second, until a core does nothing else
    (related: https://github.com/snakemake/snakemake/pull/3744). A limit that somebody set stays, as
    does a cluster's.
    """
    limit = getattr(scheduler, "job_rate_limiter", None)
    default = limit is not None and (limit.max_jobs, limit.timespan) == (100, 1)
    if default and scheduler.workflow.local_exec:
        scheduler.job_rate_limiter = None
