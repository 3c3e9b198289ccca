"""Something that goes wrong, and how tests break files."""

import json
import os
import subprocess
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.workflow.pipeline import NETWORK, TASK


@dataclass(frozen=True)
class Then:
    """What goes on, and what was kept: the promise in words, and what of it a study shows.

    Attributes:
        stops: how the names of those results begin that a study then lacks, tables aside, which
            need all results. Every other result is there.
    """

    text: str
    stops: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong.

    Attributes:
        told: what the user reads, where … stands for anything.
        happens: breaks something at a place, which is a Bench or a Pipeline, and runs what reads
            it there; what was said.
        remedy: does in a whole study what the user is told to do. None: it is not put into one.
    """

    what: str
    told: str
    then: Then
    happens: Callable
    remedy: Callable | None


#: What is made of the images of a task, and of one of its networks.
_OF_TASK = tuple(f"{stage}/{TASK}/" for stage in ("properties", "attacks", "representations"))
_OF_NETWORK = (f"attacks/{TASK}/{NETWORK}.", f"representations/{TASK}/{NETWORK}.")
_NETWORK = f"models/{TASK}/{NETWORK}/"
NOT_PREPARED = Then("this task stops, other tasks go on", (f"data/{TASK}/", _NETWORK, *_OF_TASK))
TASK_STOPS = Then("jobs of this task stop, other tasks go on", (_NETWORK, *_OF_TASK))
UNREAD = Then(
    "attacks and representations of this network on this task stop, others go on", _OF_NETWORK
)
UNTRAINED = (_NETWORK, *_OF_NETWORK)

#: What happens on a Bench, in a second or so, and what needs a whole study.
FAULTS: list[Fault] = []
FAULTS_OF_STUDIES: list[Fault] = []


def fault(
    what: str, told: str, then: str | Then, remedy: Callable | None = None,
    faults: list[Fault] = FAULTS,
) -> Callable:  # fmt: skip
    then = Then(then) if isinstance(then, str) else then

    def listed(happens: Callable) -> Callable:
        faults.append(Fault(what, told, then, happens, remedy))
        return happens

    return listed


def run_again(place) -> None:
    """The remedy where the cause is gone by then."""


def delete(*names: str) -> Callable:
    """The remedy of a damaged file."""

    def remedy(place) -> None:
        for name in names:
            place[name].unlink()

    return remedy


def damage(file: Path, content: bytes) -> None:
    """Leave this of a file, and its dates, as a disk does that lost the rest."""
    dates = file.stat()
    file.write_bytes(content)
    os.utime(file, ns=(dates.st_atime_ns, dates.st_mtime_ns))


def cut(file: Path, share: float = 0.5) -> None:
    """Leave the first part of a file."""
    content = file.read_bytes()
    damage(file, content[: int(len(content) * share)])


def edit(record: Path, **changes: object) -> None:
    """Change keys of a record; None takes one away."""
    values = json.loads(record.read_text()) | changes
    record.write_text(json.dumps({k: v for k, v in values.items() if v is not None}))


@contextmanager
def mounted(folder: Path, options: str):
    """A small file system in memory at a folder, where this user may mount one."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)
