"""What can go wrong, and what then happens: the table of docs/faults.md.

`python -m tests.workflow.faults` writes the page.
"""

import re
from pathlib import Path

from tests.conftest import ROOT
from tests.workflow import faults_of_files, faults_of_runs  # noqa: F401
from tests.workflow.fault import FAULTS, FAULTS_OF_STUDIES

PAGE = ROOT / "docs" / "faults.md"


def table() -> str:
    lines = ["| what goes wrong | what you read | what then happens |", "|---|---|---|"]
    for one in FAULTS + FAULTS_OF_STUDIES:
        lines.append(f"| {one.what} | {one.told} | {one.then.text} |")
    return "\n".join(lines)


def page() -> str:
    """docs/faults.md with the table as it is now."""
    written = PAGE.read_text(encoding="utf-8")
    return re.sub(r"(?m)^\| what .*\n(\|.*\n)+", lambda _: table() + "\n", written)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE.relative_to(Path.cwd()))
