"""Write the page of a study, in Markdown and HTML, with its findings, figures and short tables."""

import argparse
import json
from pathlib import Path

import pandas as pd

from idsharp.common.records import read_table
from idsharp.common.script import run
from idsharp.report.contents import read_captions
from idsharp.report.page.content import Content
from idsharp.report.summary import receipts, versions, write_pages


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="folder of the study")
    parser.add_argument("--title", required=True, help="title of the study")
    parser.add_argument(
        "--note", nargs="?", const="", default="", help="what must be said of the whole study"
    )
    parser.add_argument("--captions", type=Path, nargs="+", required=True, help="captions, .rst")
    parser.add_argument("--sources", type=Path, required=True, help="sources of datasets, .tsv")
    parser.add_argument("--shown-epsilon", type=int, required=True, help="in 1/255")
    parser.add_argument("--settings", type=json.loads, required=True, help="of the study, JSON")
    args = parser.parse_args()
    folder = args.results / "tables"
    # Not every file in the folder, which may also contain tables from former settings.
    names = read_table(folder / "columns.csv")["table"].unique()
    tables = {name: read_table(folder / f"{name}.csv") for name in names}
    content = Content(
        title=args.title,
        note=args.note,
        tables=tables,
        captions=read_captions(args.captions),
        sources=pd.read_csv(args.sources, sep="\t"),
        epsilon=args.shown_epsilon,
        settings=args.settings,
        versions=versions(args.results, tables),
        receipts=receipts(args.results, tables),
    )
    write_pages(args.results, content)


if __name__ == "__main__":
    run(main)
