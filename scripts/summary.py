"""Write the summary of a study: its tables in short, its figures with their captions."""

import argparse
from pathlib import Path

import pandas as pd

from idsharp.common.records import write_text
from idsharp.common.script import run
from idsharp.report.contents import read_captions
from idsharp.report.summary import summarize


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
    args = parser.parse_args()
    folder = args.results / "tables"
    # Not every file in the folder: it may hold tables of former settings.
    names = pd.read_csv(folder / "columns.csv")["table"].unique()
    tables = {name: pd.read_csv(folder / f"{name}.csv") for name in names}
    captions = read_captions(args.captions)
    sources = pd.read_csv(args.sources, sep="\t")
    text = summarize(args.title, args.note, tables, captions, sources, args.shown_epsilon)
    write_text(args.results / "summary.md", text)


if __name__ == "__main__":
    run(main)
