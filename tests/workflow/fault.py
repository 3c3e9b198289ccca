"""Something that goes wrong, and how tests break files."""

import json
import subprocess
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong.

    Attributes:
        told: what the user reads, where … stands for anything.
        then: what goes on, and what was kept.
        happens: breaks something, runs a script or a study, checks what is left; what was said.
    """

    what: str
    told: str
    then: str
    happens: Callable


#: What happens on a Bench, in a second or so, and what needs a whole study.
FAULTS: list[Fault] = []
FAULTS_OF_STUDIES: list[Fault] = []


def fault(what: str, told: str, then: str, faults: list[Fault] = FAULTS) -> Callable:
    def listed(happens: Callable) -> Callable:
        faults.append(Fault(what, told, then, happens))
        return happens

    return listed


def cut(file: Path, share: float = 0.5) -> None:
    """Leave the first part of a file, as a disk that lost the rest."""
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])


def edit(record: Path, **changes: object) -> None:
    """Change keys of a record; None takes one away."""
    values = json.loads(record.read_text()) | changes
    record.write_text(json.dumps({k: v for k, v in values.items() if v is not None}))


@contextmanager
def mounted(folder: Path, options: str):
    """A small file system in memory at a folder, where this user may mount one."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)
