"""The code that produced a record: versions of packages, and the commit."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from idsharp.version import __version__


def provenance(*packages: str) -> dict[str, str | bool | None]:
    """Versions of idsharp, Python and these packages (None if absent), and the Git commit."""
    record: dict[str, str | bool | None] = {
        "idsharp_version": __version__,
        "python_version": platform.python_version(),
    }
    for package in packages:
        try:
            record[f"{package}_version"] = version(package)
        except PackageNotFoundError:
            record[f"{package}_version"] = None
    return record | _git_state()


def _git_state() -> dict[str, str | bool | None]:
    """Commit of the repository with this file, and whether tracked files have changed."""
    here = Path(__file__)
    unknown: dict[str, str | bool | None] = {"git_commit": None, "git_dirty": None}
    try:
        # An installed copy may lie inside another project's repository.
        _git("ls-files", "--error-unmatch", here.name)
        commit = _git("rev-parse", "HEAD")
        # Without locks (see _git), so that jobs that run at the same time do not collide.
        changed = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return unknown
    return {"git_commit": commit, "git_dirty": bool(changed)}


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", "--no-optional-locks", *arguments],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return done.stdout.strip()
