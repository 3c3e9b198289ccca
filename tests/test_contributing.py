"""The examples of CONTRIBUTING.md, on a copy of the project."""

import os
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.workflow.tiny import copy_project

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTIONS = {
    text.splitlines()[0]: re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    for text in PAGE.split("\n## ")[1:]
}


def change(path, lines):
    """Apply what a block of kind diff says: lines beginning with " " and "-" become " " and "+"."""
    old = "\n".join(line[1:] for line in lines if line[:1] in " -")
    new = "\n".join(line[1:] for line in lines if line[:1] in " +")
    text = path.read_text(encoding="utf-8")
    assert text.count(old) >= 1, f"{path.name} does not hold\n{old}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def apply(project, kind, block):
    """Write or change the file that a block names; return what is to be run."""
    head, _, body = block.partition("\n")
    if head == "# Try it.":
        return body
    name, _, place = head.removeprefix("# ").partition(": ")
    path = project / name
    if kind == "diff":
        change(path, body.splitlines())
    elif place == "at the end":
        path.write_text(path.read_text(encoding="utf-8") + body, encoding="utf-8")
    else:
        assert not path.exists()
        path.write_text(body, encoding="utf-8")
    return None


@pytest.mark.parametrize("section", SECTIONS)
def test_an_example_works_as_it_stands(section, tmp_path):
    copy_project(tmp_path)
    tried = [apply(tmp_path, kind, block) for kind, block in SECTIONS[section]]
    code = "\n".join(filter(None, tried))
    assert code, "nothing is tried"
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    settings = ["--config", ROOT / "pyproject.toml", "--no-cache"]
    style = subprocess.run(
        [sys.executable, "-m", "ruff", "check", *settings, "idsharp"], cwd=tmp_path,
        capture_output=True, text=True,
    )  # fmt: skip
    assert style.returncode == 0, style.stdout
