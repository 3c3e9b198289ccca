"""The project's modules that a Python file imports, found by parsing it, without running it."""

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

#: The folder that holds the package: the project's, or site-packages.
ROOT = Path(__file__).resolve().parents[2]
_PACKAGE = "idsharp"


@cache
def imported_modules(file: Path, root: Path = ROOT) -> tuple[str, ...]:
    """Dotted names of the project's modules that a file imports anywhere, sorted.

    Args:
        root: the folder that holds the package.

    Raises:
        ValueError: the file contains a relative import.
    """
    return modules_in(file.read_text(encoding="utf-8"), root, str(file))


def modules_in(source: str, root: Path = ROOT, name: str = "<source>") -> tuple[str, ...]:
    """`imported_modules` of Python source; `name` stands for it in messages.

    Raises:
        ValueError: the source contains a relative import.
    """
    names = set()
    for node in ast.walk(_tree(source, name)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{name}, line {node.lineno}: write the import with its full name")
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    modules = (_module(name, root) for name in names if name.split(".")[0] == _PACKAGE)
    return tuple(sorted({module for module in modules if module}))


def file_of(module: str, root: Path = ROOT) -> Path | None:
    """The file of a module or package; None if absent."""
    path = root.joinpath(*module.split("."))
    candidates = path.with_suffix(".py"), path / "__init__.py"
    return next((file for file in candidates if file.is_file()), None)


def code_of(files: Iterable[Path], root: Path = ROOT) -> list[Path]:
    """These files and those of all project modules that they import, directly or indirectly."""
    found: list[Path] = []
    queue = list(files)
    while queue:
        file = queue.pop(0)
        if file in found:
            continue
        found.append(file)
        for module in imported_modules(file, root):
            parts = module.split(".")
            # Importing a.b.c also runs a/__init__.py and a/b/__init__.py.
            names = (".".join(parts[:depth]) for depth in range(1, len(parts) + 1))
            queue += filter(None, (file_of(name, root) for name in names))
    return found


def digest_of(files: Iterable[Path], root: Path = ROOT) -> str:
    """A hash of what these files do: comments on lines of their own and docstrings do not count.

    It is the same under every version of Python, and whatever the dates of the files.

    Args:
        root: the folder that holds the package; names count as they are below it.
    """
    digest = hashlib.sha256()
    for file in sorted(files):
        code = _code_in(file.read_text(encoding="utf-8"), str(file))
        digest.update(f"{file.relative_to(root)} {len(code)}\n{code}".encode())
    return digest.hexdigest()


@cache
def _code_in(source: str, name: str) -> str:
    """The lines of Python source that are neither blank nor comments nor parts of docstrings."""
    lines = dict(enumerate(source.splitlines(), 1))
    strings: set[int] = set()
    for node in ast.walk(_tree(source, name)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                for number in range(first.lineno, _end(first) + 1):
                    lines.pop(number, None)
        elif isinstance(node, ast.Constant | ast.JoinedStr):
            strings.update(range(node.lineno + 1, _end(node) + 1))
    kept = (
        line.rstrip()
        for number, line in lines.items()
        if number in strings or (line.strip() and not line.lstrip().startswith("#"))
    )
    return "\n".join(kept)


def _end(node: ast.stmt | ast.expr) -> int:
    """The last line of a node; only nodes made by hand have none."""
    return node.end_lineno or node.lineno


@cache
def _tree(source: str, name: str) -> ast.Module:
    return ast.parse(source, name)


def _module(name: str, root: Path) -> str | None:
    """The module of an imported name: itself, or the one that defines it; None if absent."""
    while name and file_of(name, root) is None:
        name = name.rpartition(".")[0]
    return name or None
