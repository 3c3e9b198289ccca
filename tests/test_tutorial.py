"""The tutorial runs from top to bottom, and prints what it shows."""

import contextlib
import io
import json
import re

import pytest

from tests.conftest import ROOT

NUMBER = re.compile(r"\d+\.?\d*(?:e-?\d+)?")


@pytest.mark.slow
def test_the_tutorial_prints_what_it_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    notebook = json.loads((ROOT / "docs" / "tutorial.ipynb").read_text(encoding="utf-8"))
    space: dict = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        source, printed = "".join(cell["source"]), io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(source, cell["id"], "exec"), space)
        shown = "".join(line for output in cell["outputs"] for line in output["text"])
        same_words(printed.getvalue(), shown)


def same_words(found: str, expected: str) -> None:
    """Words are equal, numbers too up to what training on another machine may change."""
    assert NUMBER.sub("", found).replace("#", "").split() == (
        NUMBER.sub("", expected).replace("#", "").split()
    )
    numbers, shown = ([float(n) for n in NUMBER.findall(text)] for text in (found, expected))
    assert numbers == pytest.approx(shown, rel=0.15, abs=0.02)


def test_words_and_numbers_are_compared():
    same_words("a 1.00 ##\nb 2e-3", "a 1.01 ###\nb 2e-3")
    with pytest.raises(AssertionError):
        same_words("a 1.0", "b 1.0")
    with pytest.raises(AssertionError):
        same_words("a 1.0", "a 2.0")
