"""Assemble the records of a study into tables, as CSV and LaTeX."""

import argparse
import json
from pathlib import Path

import pandas as pd

from idsharp.common.progress import TO_STDERR
from idsharp.common.records import write_csv, write_text
from idsharp.common.script import run
from idsharp.report.columns import dictionary
from idsharp.report.contents import read_captions
from idsharp.report.latex import to_latex
from idsharp.report.tables.build import build_tables
from idsharp.report.tables.study import read_study
from idsharp.study.layout import Layout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="folder of the study")
    parser.add_argument("--tasks", type=json.loads, required=True, help="described tasks, JSON")
    parser.add_argument("--measured", nargs="*", default=[], help="tasks without networks")
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument("--n-train", type=int, nargs="+", required=True)
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--id-estimator", required=True, help="for d_data")
    parser.add_argument("--representation-estimator", required=True, help="for d_repr")
    parser.add_argument("--blocks", action="store_true", help="networks were measured by block")
    parser.add_argument("--published", type=Path, required=True, help="the papers' values, .csv")
    parser.add_argument("--captions", type=Path, nargs="+", required=True, help="captions, .rst")
    args = parser.parse_args()

    trained = [task for task in args.tasks if task not in args.measured]
    sizes = args.models, args.n_train, args.seeds
    layout = Layout(args.results, trained, *sizes, args.measured)
    estimators = args.id_estimator, args.representation_estimator
    published = pd.read_csv(args.published)
    study = read_study(layout, args.tasks, *estimators, published, blocks=args.blocks)
    tables = build_tables(study)
    noted = {name: task["note"] for name, task in args.tasks.items() if task["note"]}
    notes = [
        f"{', '.join(name for name in noted if noted[name] == note)}: {note}"
        for note in dict.fromkeys(noted.values())
    ]
    captions = read_captions(args.captions)
    for name, table in tables.items():
        write_csv(args.results / "tables" / f"{name}.csv", table)
        write_text(
            args.results / "tables" / f"{name}.tex",
            to_latex(name, table, captions[f"{name}.table"], notes),
        )
        TO_STDERR.say(f"{name}: {len(table)} rows")
    write_csv(args.results / "tables" / "columns.csv", dictionary(tables))


if __name__ == "__main__":
    run(main)
