"""Functions of the rules that are plain Python: what code a script runs, and which Python runs it.

A file named only inside `shell` is not tracked by Snakemake, nor is any module that it imports. As
inputs they are compared by content: an edit reruns what depends on it, a fresh checkout nothing.
"""

import ast
import os
import sys
from collections.abc import Iterator
from pathlib import Path


def use_this_python(root: Path) -> None:
    """Let `python` in shell commands be the one that runs Snakemake, with the library in `root`.

    So nobody has to activate an environment first. A conda environment, where one is used, is
    activated inside the shell command and goes before it.
    """
    for name, first in (("PYTHONPATH", root), ("PATH", Path(sys.executable).parent)):
        rest = os.environ.get(name)
        os.environ[name] = os.pathsep.join([str(first), rest]) if rest else str(first)


def code_for(root: Path, script: str) -> list[str]:
    """`scripts/<script>.py` and the project modules it imports, directly or not; script first.

    Paths are relative to the working directory, as those of the results are.
    """
    found: list[Path] = []
    queue = [root / "scripts" / f"{script}.py"]
    while queue:
        file = queue.pop()
        if file not in found:
            found.append(file)
            queue += imported_modules(root, file)
    head, *rest = (os.path.relpath(file) for file in found)
    return [head, *sorted(rest)]


def imported_modules(root: Path, file: Path) -> Iterator[Path]:
    """Files of the project's modules that a Python file imports anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    for name in names:
        parts = name.split(".")
        if parts[0] != "idsharp":
            continue
        # Importing a.b.c runs a/__init__.py and a/b/__init__.py too.
        for depth in range(1, len(parts) + 1):
            path = root.joinpath(*parts[:depth])
            for candidate in (path.with_suffix(".py"), path / "__init__.py"):
                if candidate.is_file():
                    yield candidate
