"""Draw the figures of a study from its tables, as PDF and PNG."""

import argparse
from pathlib import Path

import pandas as pd

from idsharp.common.records import atomic_path
from idsharp.common.script import run
from idsharp.report.figures import laws
from idsharp.report.figures.attacks import attack_examples
from idsharp.report.figures.layers import id_by_layer
from idsharp.report.selection import first_example, first_images
from idsharp.report.tables.study import first_choice, learned
from idsharp.study.layout import Layout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="folder of the study")
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument("--shown-epsilon", type=int, required=True, help="in 1/255")
    parser.add_argument("--blocks", action="store_true", help="networks were measured by block")
    args = parser.parse_args()

    tables = {
        name: pd.read_csv(args.results / "tables" / f"{name}.csv")
        for name in ("datasets", "properties", "runs", "attacks")
    }
    tasks = list(tables["datasets"]["task"])
    layout = Layout(args.results, tasks, args.models, [], [])
    runs = first_choice(learned(tables["runs"]))
    if runs.empty:
        raise OSError("no network of the study learned anything: see tables/runs.csv")
    keys = ["task", "model", "n_train", "seed"]
    attacks = first_choice(tables["attacks"]).merge(runs[keys], on=keys)
    drawn = {
        "samples": laws.samples(
            {task: first_images(layout, task) for task in tasks}, tables["datasets"]
        ),
        "id_by_domain": laws.id_by_domain(tables["properties"], runs["id_estimator"].iloc[0]),
        "sharpness_by_domain": laws.sharpness_by_domain(tables["properties"]),
        "accuracy_vs_id": laws.accuracy_vs_id(runs),
        "log_loss_vs_id": laws.log_loss_vs_id(runs),
        "loss_penalty_vs_sharpness": laws.loss_penalty_vs_sharpness(attacks, args.shown_epsilon),
        "attack_examples": attack_examples(
            # Tasks that are only measured have no networks to attack.
            {
                t: first_example(layout, t, args.shown_epsilon)
                for t in tables["runs"]["task"].unique()
            },
            tables["datasets"],
            args.shown_epsilon,
        ),
        "representation_vs_data": laws.representation_vs_data(runs),
    }
    if args.blocks:
        layers = pd.read_csv(args.results / "tables" / "representation_layers.csv")
        estimator = f"representation_{runs['representation_estimator'].iloc[0]}"
        drawn["id_by_layer"] = id_by_layer(layers, estimator)
    for name, figure in drawn.items():
        for suffix in ("pdf", "png"):
            # Without dates, so that the same numbers give the same file.
            metadata = {"CreationDate": None} if suffix == "pdf" else None
            with atomic_path(args.results / "figures" / f"{name}.{suffix}") as temporary:
                figure.savefig(temporary, metadata=metadata)
            # The second file keeps the places that were found for the first.
            figure.set_layout_engine("none")
        print(name)


if __name__ == "__main__":
    run(main)
