"""The records of the replication's studies, as one and beside this file.

    python benchmarks/replication/records.py results/replication results/replication_pgd \\
        results/replication_densenet

Reads what the studies measured, trained and attacked, and writes records/*.csv. The other scripts
here read these, so that what they show can be made again, and other questions be asked, without
training. `--add` keeps what is there, such as another machine's. Where two studies hold the same
network, the first counts.
"""

import argparse
from pathlib import Path

import pandas as pd

from idsharp.common.records import read_table, write_csv
from idsharp.report.tables.study import Study, combined, read_study
from idsharp.study.check import check_config
from idsharp.study.config import collection_of, settings_of
from idsharp.study.files import read_config
from idsharp.study.layout import Layout

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RECORDS = HERE / "records"
TABLES = ("datasets", "properties", "runs", "attacks", "layers")
ESTIMATORS = {"id_estimator": "id_mle_k1", "representation_estimator": "id_twonn_10pct"}


def read_records(folder: Path = RECORDS) -> Study:
    """All studies of the replication as one, from the files beside this one."""
    tables = {name: read_table(folder / f"{name}.csv") for name in TABLES}
    for table in tables.values():
        table["instead_of"] = table["instead_of"].astype(object).fillna("")
    return Study(**tables, **ESTIMATORS, published=_published())


def of_results(folder: Path) -> Study:
    """One study, from its results."""
    config = check_config(read_config(ROOT / "config.yaml", [HERE / "config.yaml"]))
    settings = settings_of(config, folder.name)
    names = settings["tasks"], settings["models"], settings["n_train"], settings["seeds"]
    layout = Layout(folder, *names, settings["measured"])
    tasks = {}
    for task in (*layout.tasks, *layout.measured):
        dataset = config["tasks"][task]["dataset"]
        tasks[task] = {
            "dataset": dataset, "collection": collection_of(config, dataset),
            "domain": config["datasets"][dataset]["domain"], "note": "",
            "instead_of": config["tasks"][task].get("instead_of", ""),
        }  # fmt: skip
    blocks = settings["representation_layers"] == "blocks"
    return read_study(layout, tasks, **ESTIMATORS, published=_published(), blocks=blocks)


def _published() -> pd.DataFrame:
    return read_table(ROOT / "resources" / "published.csv")


def write_records(study: Study, folder: Path = RECORDS) -> None:
    """A study as files that `read_records` reads."""
    for name in TABLES:
        table = getattr(study, name)
        # Seven digits, as losses in float32 have no more.
        rounded = table.select_dtypes("float").map(lambda value: float(f"{value:.7g}"))
        write_csv(folder / f"{name}.csv", table.assign(**rounded))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("results", type=Path, nargs="+", help="folders of the studies")
    parser.add_argument("--add", action="store_true", help="to the records that are there")
    args = parser.parse_args()
    known = [read_records()] if args.add else []
    write_records(combined([*known, *(of_results(folder) for folder in args.results)]))


if __name__ == "__main__":
    main()
