"""The house: who may import whom, and how long a page may be.

A list named PENDING holds what is not in order yet. An entry that is no longer needed fails, so
that the lists can only shrink.
"""

import ast
import re
from pathlib import Path

import pytest

from idsharp.common.code import imported_modules, modules_in
from tests.conftest import ROOT

PACKAGES = {
    "attacks",
    "common",
    "datasets",
    "measure",
    "models",
    "properties",
    "report",
    "representations",
    "study",
    "tasks",
    "training",
}
#: What each room may import besides itself, `common` and `version`: packages, or single modules.
ARROWS = {
    "attacks": {"models", "tasks.subsets"},
    "common": set(),
    "datasets": set(),
    "models": set(),
    "properties": {"tasks.images"},
    "report": {"attacks.example", "properties.estimators", "study.layout", "tasks.subsets"},
    "representations": {"models", "properties"},
    "study": {"datasets", "models.names"},
    "tasks": {"datasets"},
    "training": {"models", "tasks.subsets"},
    "rules": {"properties.estimators", "report.contents", "study"},
    # The edge of the library; nobody imports it.
    "api": PACKAGES - {"measure"},
    "measure": PACKAGES,
    "scripts": PACKAGES - {"measure"},
    "face": set(),
    "version": set(),
}
MOST_LINES, MOST_LINES_OF_A_SCRIPT, MOST_LINES_OF_A_FUNCTION = 300, 60, 60

PENDING_ARROWS: set[tuple[str, str]] = set()
PENDING_PACKAGES: set[str] = set()
PENDING_FILES: set[str] = set()
PENDING_FUNCTIONS: set[str] = set()


def python_files(*folders: str) -> list[Path]:
    return sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py"))


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def room_of(module: str) -> str:
    """The room of a module, by its dotted name without the library's."""
    return module.split(".")[0] if module else "face"


def allowed(importer: str, imported: str) -> bool:
    """Whether a room may import a module, by its dotted name without the library's."""
    room = room_of(imported)
    if room == importer or room in ("common", "version"):
        return not (importer == "version" or (importer == "common" and room not in ARROWS))
    return any(f"{imported}.".startswith(f"{target}.") for target in ARROWS[importer])


def imports() -> list[tuple[str, str, str]]:
    """File, its room, and a module that it imports, without the library's name."""
    found = []
    for file in python_files("idsharp", "scripts", "rules"):
        parts = file.relative_to(ROOT).with_suffix("").parts
        room = room_of(parts[1].replace("__init__", "")) if parts[0] == "idsharp" else parts[0]
        found += [(name_of(file), room, module) for module in imported_modules(file, ROOT)]
    for file in [ROOT / "Snakefile", *sorted((ROOT / "rules").glob("*.smk"))]:
        # Not Python, but its imports are.
        pattern = r"^ *(from idsharp\S* import (?:\([^)]*\)|.*)|import idsharp.*)$"
        source = "\n".join(re.findall(pattern, file.read_text(), re.MULTILINE))
        found += [(name_of(file), "rules", module) for module in modules_in(source, ROOT)]
    return [(file, room, module.partition(".")[2]) for file, room, module in found]


def check(found: set, pending: set, what: str) -> None:
    """Nothing is found that is not pending, and nothing is pending that is not found."""
    assert not found - pending, f"{what}: {sorted(found - pending)}"
    assert not pending - found, f"in order by now, take them off the list: {pending - found}"


def test_every_room_has_its_arrows():
    assert {path.parent.name for path in (ROOT / "idsharp").glob("*/__init__.py")} == PACKAGES
    assert set(ARROWS) > PACKAGES


def test_imports_follow_the_arrows():
    wrong = {(file, module) for file, room, module in imports() if not allowed(room, module)}
    check(wrong, PENDING_ARROWS, "imports that the house does not allow")


@pytest.mark.parametrize(
    ("importer", "imported", "may"),
    [
        ("attacks", "models.build", True),
        ("attacks", "training.loop", False),
        ("datasets", "tasks.images", False),
        ("properties", "tasks.images", True),
        ("properties", "tasks.imagesque", False),
        ("properties", "tasks", False),
        ("scripts", "report.figures.style", True),
        ("scripts", "measure.run", False),
        ("report", "", False),
        ("common", "seeds", False),
        ("models", "common.seeds", True),
        ("models", "api", False),
        ("face", "version", True),
        ("version", "common.records", False),
    ],
)
def test_arrows_are_read_as_they_are_meant(importer, imported, may):
    assert allowed(importer, imported) is may


def test_a_package_imports_nothing_by_itself():
    found = set()
    for file in python_files("idsharp"):
        if file.name != "__init__.py" or file.parent.name in ("idsharp", "datasets"):
            continue
        body = ast.parse(file.read_text(encoding="utf-8")).body
        docstring = len(body) == 1 and isinstance(body[0], ast.Expr)
        found |= set() if docstring else {name_of(file)}
    check(found, PENDING_PACKAGES, "packages that hold more than a docstring")


def test_no_file_is_long():
    found = set()
    for file in [*python_files("idsharp", "scripts", "rules", "tests", "benchmarks"),
                 *(ROOT / "rules").glob("*.smk"), ROOT / "Snakefile"]:  # fmt: skip
        most = MOST_LINES_OF_A_SCRIPT if file.parent.name == "scripts" else MOST_LINES
        if len(file.read_text(encoding="utf-8").splitlines()) > most:
            found.add(name_of(file))
    check(found, PENDING_FILES, "files that are too long")


def test_no_function_is_long():
    found = set()
    for file in python_files("idsharp", "scripts", "rules", "tests", "benchmarks"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                length = node.end_lineno - node.lineno + 1
                if length > MOST_LINES_OF_A_FUNCTION:
                    found.add(f"{name_of(file)}: {node.name}")
    check(found, PENDING_FUNCTIONS, "functions that are too long")


def test_pools_of_processes_and_threads_stand_in_one_place():
    files = python_files("idsharp", "scripts", "rules")
    users = {name_of(f) for f in files if re.search("PoolExecutor|multiprocessing", f.read_text())}
    assert users == {"idsharp/common/parallel.py"}
