"""The wheel, and environments that it is installed in with one extra at a time."""

import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.wheel.environments import link_requirements

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """The wheel, from a copy of the sources, so that none of its leftovers come along."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for folder in ("idsharp", "resources"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, source / folder, ignore=ignored)
    for file in ("pyproject.toml", "setup.py", "LICENSE", "README.md"):
        shutil.copy(ROOT / file, source)
    subprocess.run([*PIP, "wheel", "--no-deps", "--no-build-isolation", "--no-index",
                    "--wheel-dir", built, source], check=True)  # fmt: skip
    return next(built.glob("idsharp-*.whl"))


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory) -> Callable[..., Path]:
    """A function that installs the wheel with extras, and returns the environment's folder."""

    @cache
    def install(*extras: str) -> Path:
        folder = tmp_path_factory.mktemp("-".join(["with", *extras]))
        venv.create(folder, with_pip=False)
        (site,) = (folder / "lib").glob("python*/site-packages")
        link_requirements(wheel, set(extras), site)
        python = folder / "bin" / "python"
        subprocess.run(
            [*PIP, "--python", python, "install", "--no-deps", "--no-index", wheel], check=True
        )
        return folder

    return install
