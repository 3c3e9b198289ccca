"""A study on one page: of Markdown, and of HTML that needs nothing beside it."""

from pathlib import Path

import pandas as pd

from idsharp.common.records import read_json, write_text
from idsharp.report.page.content import Content
from idsharp.report.page.html import to_html
from idsharp.report.page.markdown import to_markdown
from idsharp.report.page.sections import sections
from idsharp.study.layout import Layout

#: Where the page's form is: Jinja's language, with the styles inside.
TEMPLATE = Path(__file__).parent / "page" / "page.html"


def write_pages(folder: Path, content: Content) -> None:
    """Write summary.md and index.html of a study, from one list of sections.

    Args:
        folder: of the study; its figures are read from figures/.
    """
    said = sections(content)
    write_text(folder / "summary.md", to_markdown(content.title, said))
    template = TEMPLATE.read_text(encoding="utf-8")
    write_text(folder / "index.html", to_html(content, said, template, folder / "figures"))


def versions(folder: Path, tables: dict[str, pd.DataFrame]) -> dict[str, dict[str, int]]:
    """Versions of software by its name, each with the number of records that it made."""
    layout = Layout(folder, [], [], [], [])
    files = [layout.properties(r.task, r.subset) for r in tables["properties"].itertuples()]
    files += [layout.run(r.task, r.model, r.n_train, r.seed) for r in tables["runs"].itertuples()]
    found: dict[str, dict[str, int]] = {}
    for record in map(read_json, files):
        for key, value in record.items():
            if key.endswith("_version") or key in ("git_commit", "git_dirty", "device"):
                counts = found.setdefault(key.removesuffix("_version").replace("_", " "), {})
                counts[str(value)] = counts.get(str(value), 0) + 1
    return found


def receipts(folder: Path, tables: dict[str, pd.DataFrame]) -> list[dict]:
    """What was found of each dataset's files, with checksums."""
    names = tables["datasets"]["dataset"].unique()
    return [read_json(folder / "index" / f"{name}.receipt.json") for name in names]
