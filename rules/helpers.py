"""Plain Python functions for the rules: what Snakemake tracks, and how it runs jobs."""

import os
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

from idsharp.common.code import code_of, digest_of, file_of


def use_this_python(root: Path) -> None:
    """Make shell commands use the Python that runs Snakemake, and the library in `root`.

    Users then need not activate an environment. A conda environment, if one is used, is activated
    inside the shell command and takes precedence.
    """
    for name, first in (("PYTHONPATH", root), ("PATH", Path(sys.executable).parent)):
        rest = os.environ.get(name)
        os.environ[name] = os.pathsep.join([str(first), rest]) if rest else str(first)


@cache
def code_for(root: Path, script: str, module: str | None = None) -> str:
    """A hash of `scripts/<script>.py` and of the project modules that it imports.

    Snakemake tracks neither a file named only inside `shell` nor the modules it imports. With this
    hash as a parameter, jobs rerun if their code has changed. If the files were inputs, a changed
    comment would rerun a week of training, and going back to older files would rerun nothing.

    Args:
        module: dotted name of a module that the script imports dynamically.
    """
    return digest_of(files_for(root, script, module), root)


def files_for(root: Path, script: str, module: str | None = None) -> list[Path]:
    """The files that `code_for` is a hash of."""
    files = [root / "scripts" / f"{script}.py"]
    if module is not None:
        files.append(file_of(module, root))
    return code_of(files, root)


def switch_off_job_rate_timer(scheduler: Any) -> None:
    """Remove Snakemake's default limit of 100 jobs per second for jobs on this machine.

    With the limit, every search for jobs to start schedules another one a second later, and so does
    every job that ends: after n jobs there are n searches per second, until a core does nothing
    else (related: https://github.com/snakemake/snakemake/pull/3744). A limit set by the user is
    kept, as is any limit on a cluster.
    """
    limit = getattr(scheduler, "job_rate_limiter", None)
    default = limit is not None and (limit.max_jobs, limit.timespan) == (100, 1)
    if default and scheduler.workflow.local_exec:
        scheduler.job_rate_limiter = None


def last_words(logs: list[str]) -> str:
    """What failed jobs said last, to be told at the end of a run, where it is not scrolled away.

    Args:
        logs: Snakemake's own logs of this run, which have those of failed jobs in them.
    """
    text = "\n".join(Path(log).read_text(encoding="utf-8", errors="replace") for log in logs)
    shown = re.findall(r"^Logfile ([^\n]*):\n(=+)\n(.*?)\n\2$", text, re.MULTILINE | re.DOTALL)
    said = {file: lines.rpartition("\n")[2] for file, _, lines in shown}
    told = []
    for line in dict.fromkeys(said.values()):
        first, *others = (file for file in said if said[file] == line)
        told.append(f"  {line} ({first}{f' and {len(others)} more' if others else ''})")
    return "\n".join(["What failed jobs said last:", *told]) if told else ""
