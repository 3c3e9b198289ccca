"""A study in sections: one list that the summary and the page are both written from."""

import json

from idsharp.report.contents import FIGURES, TABLES
from idsharp.report.page import findings, overview
from idsharp.report.page.blocks import Block, Grid, Points, Section, Text
from idsharp.report.page.content import Content
from idsharp.report.wording import count

_DATA_TABLES = ("properties", "hyperparameters")


def sections(content: Content) -> list[Section]:
    """Everything that is said of a study, in order."""
    [samples] = [figure for figure in FIGURES if figure.name == "samples"]
    claims = Section("Claims of the papers", "claims", findings.claims_table(content))
    apart = {entry.name for entry in TABLES if not entry.claims}
    apart -= {"datasets", "runs", "timings", "attacks", "comparison", "claims", *_DATA_TABLES}
    more = [content.table(t) for t in TABLES if t.name in apart and t.name in content.tables]
    data = [content.table(t) for t in TABLES if t.name in _DATA_TABLES and t.name in content.tables]
    blocks = [*overview.overview(content), content.picture(samples)]
    return [
        Section("What was run", "run", blocks),
        claims,
        *findings.claim_sections(content),
        Section("Beside the papers' values", "comparison", findings.comparison(content)),
        Section(
            "More figures and tables",
            "more",
            [*findings.layers(content), *findings.other_figures(content), *more],
        ),
        Section("Datasets", "datasets", overview.datasets_grid(content.tables["datasets"])),
        Section("Networks", "networks", [*overview.networks_grid(content), *data]),
        *sources(content),
        provenance(content),
    ]


def sources(content: Content) -> list[Section]:
    """Where the data are from, and under which licence; no section where none is known."""
    used = content.sources[content.sources["dataset"].isin(content.tables["datasets"]["dataset"])]
    lines = [
        f"{row.dataset}: [{row.title}]({row.url}). License: {row.licence}. {row.citation}."
        for row in used.itertuples()
    ]
    return [Section("Data and licenses", "sources", [Points(lines)])] if lines else []


def provenance(content: Content) -> Section:
    """Settings, versions, checksums and times; the page alone has it."""
    runs = content.tables["timings"]
    hours = runs["train_seconds"].sum() / 3600
    blocks: list[Block] = [
        Text(
            f"{count(len(runs), 'network')} trained in {hours:.1f} hours of wall time. All numbers "
            "are in `tables/` (CSV and LaTeX); [tables/columns.csv](tables/columns.csv) gives the "
            "unit and meaning of every column. Snakemake's report (`snakemake --report`) has how "
            "each file was made."
        ),
        *(content.table(table) for table in TABLES if table.name == "timings"),
    ]
    rows = [
        [name, value, str(n)] for name, of in content.versions.items() for value, n in of.items()
    ]
    if rows:
        headings, numeric = ["what", "version", "records"], [False, False, True]
        blocks.append(Grid(headings, rows, numeric, title="Software", folded=True))
    files = [
        [receipt["dataset"], name, checksum]
        for receipt in content.receipts
        for name, checksum in receipt.get("sha256", {}).items()
    ]
    if files:
        headings = ["dataset", "file", "SHA-256"]
        blocks.append(Grid(headings, files, [False] * 3, title="Files of the data", folded=True))
    settings = [[key, json.dumps(value)] for key, value in content.settings.items()]
    if settings:
        blocks.append(
            Grid(["setting", "value"], settings, [False] * 2, title="Settings", folded=True)
        )
    return Section("Provenance", "provenance", blocks, appendix=True)
