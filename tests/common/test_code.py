"""Imports are found in source, with everything that importing a module runs."""

import pytest

from idsharp.common.code import (
    ROOT,
    code_of,
    digest_of,
    file_of,
    imported_modules,
    modules_in,
)


@pytest.fixture
def library(tmp_path):
    files = {
        "idsharp/__init__.py": "",
        "idsharp/common/__init__.py": "",
        "idsharp/common/seeds.py": "import numpy\n",
        "idsharp/models/__init__.py": "",
        "idsharp/models/build.py": "def f():\n    from idsharp.common.seeds import seed_for\n",
        "idsharp/models/names.py": "from idsharp.models import build\n",
        "scripts/x.py": "import os\nimport idsharp.models.names\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_all_that_a_file_leads_to_is_found(library):
    found = code_of([library / "scripts" / "x.py"], library)
    assert found[0] == library / "scripts" / "x.py"
    assert sorted(file.relative_to(library).as_posix() for file in found[1:]) == [
        "idsharp/__init__.py",
        "idsharp/common/__init__.py",
        "idsharp/common/seeds.py",
        "idsharp/models/__init__.py",
        "idsharp/models/build.py",
        "idsharp/models/names.py",
    ]


def test_every_way_to_import_is_understood(library):
    source = (
        "import idsharp\nimport idsharp.models.build as b, numpy\n"
        "from idsharp.models import (\n    names,\n)\nfrom idsharp.common.seeds import seed_for\n"
        "if True:\n    from idsharp import __version__\nimport idsharpening\n"
    )
    assert modules_in(source, library) == (
        "idsharp", "idsharp.common.seeds", "idsharp.models.build", "idsharp.models.names"
    )  # fmt: skip


def test_a_relative_import_is_refused(library):
    (library / "idsharp" / "models" / "names.py").write_text("\nfrom . import build\n")
    with pytest.raises(ValueError, match=r"names\.py, line 2: write the import with its full name"):
        imported_modules(library / "idsharp" / "models" / "names.py", library)


def test_files_of_modules(library):
    assert file_of("idsharp.models", library) == library / "idsharp" / "models" / "__init__.py"
    assert file_of("idsharp.models.build", library) == library / "idsharp" / "models" / "build.py"
    assert file_of("idsharp.models.absent", library) is None
    assert (ROOT / "idsharp" / "common" / "code.py").is_file()


SOURCE = '''"""What it is for."""

SIGN = "#"
TEXT = """one
# not a comment
"""


def f(x):
    """What it does.

    And more.
    """
    # Why.
    return x + 1
'''


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("What it does.", "What it is said to do.\n\n    At length.", True),
        ("# not a comment\n", "", False),
        ("    # Why.\n", "", True),
        ("What it is for.", "Something else.", True),
        ("\n\n\ndef", "\n\n\n\n# --- Functions ---\ndef", True),
        ("x + 1", "x + 2", False),
        ('"#"', '"# "', False),
        ("f(x)", "f(x, y)", False),
    ],
)
def test_a_digest_is_of_the_code_alone(tmp_path, old, new, same):
    first, second = tmp_path / "a" / "m.py", tmp_path / "b" / "m.py"
    for file in (first, second):
        file.parent.mkdir()
    assert old in SOURCE
    first.write_text(SOURCE)
    second.write_text(SOURCE.replace(old, new, 1))
    digests = digest_of([first], first.parent), digest_of([second], second.parent)
    assert (digests[0] == digests[1]) == same


def test_a_digest_is_of_names_too(library):
    names = [library / "idsharp" / "__init__.py", library / "idsharp" / "common" / "__init__.py"]
    assert digest_of(names[:1], library) != digest_of(names[1:], library)
    assert digest_of(names, library) == digest_of(names[::-1], library)
