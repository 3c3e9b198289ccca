"""Environments of one extra, and what they print.

Each holds the wheel, what it requires with the extra, and what those require: links to the
distributions that run these tests, so that nothing is downloaded. A package that is imported but
not required is missing there, as it is for a user.
"""

import os
import subprocess
from importlib.metadata import PackageNotFoundError, PathDistribution, distribution
from pathlib import Path
from zipfile import Path as ZipPath

import pytest
from packaging.requirements import Requirement


def link_requirements(wheel: Path, extras: set[str], site: Path) -> None:
    """Link to everything that the wheel requires with these extras, directly or not."""
    (metadata,) = (path for path in ZipPath(wheel).iterdir() if path.name.endswith(".dist-info"))
    queue, seen = [(PathDistribution(metadata), frozenset(extras))], set()
    while queue:
        package, wanted = queue.pop()
        for line in package.requires or []:
            requirement = Requirement(line)
            marker = requirement.marker
            if marker and not any(marker.evaluate({"extra": e}) for e in wanted or {""}):
                continue
            key = requirement.name.lower(), frozenset(requirement.extras)
            if key in seen:
                continue
            seen.add(key)
            try:
                found = distribution(requirement.name)
            except PackageNotFoundError:
                missing = f"{requirement.name}, which {package.name} requires, is not installed"
                pytest.fail(f"{missing}; run `make setup`")
            link(found, site)
            queue.append((found, key[1]))


def link(package: PathDistribution, site: Path) -> None:
    for name in {file.parts[0] for file in package.files or [] if file.parts[0] != ".."}:
        place = site / name
        if not place.is_symlink() and not place.exists():
            place.symlink_to(package.locate_file(name))


def execute(environment: Path, *arguments: object, fails: bool = False) -> str:
    """What a program of an environment prints, run outside the tree."""
    program, *rest = map(str, arguments)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run([environment / "bin" / program, *rest], cwd=environment, env=clean,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # fmt: skip
    assert (done.returncode != 0) is fails, done.stdout
    return done.stdout
