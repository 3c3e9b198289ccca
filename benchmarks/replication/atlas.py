"""The atlas that `idsharp measure --against atlas` shows one's own images in.

    python benchmarks/replication/atlas.py results/replication results/replication_pgd

Reads the study's tables, and attacks from those of both folders, and writes resources/atlas.csv,
one row per task: what was measured, how, and the learning curve of ResNet-18. What has not been
trained stays empty.
"""

import argparse
from pathlib import Path

import pandas as pd

from idsharp.common.records import write_csv

HERE = Path(__file__).resolve().parent
ATLAS = HERE.parents[1] / "resources" / "atlas.csv"
MODEL, EPSILON = "resnet18", 2
MEASURED = [
    "task", "collection", "domain", "tells_apart", "source", "instead_of", "image_size", "channels",
    "split", "n_pool", "n_test", "n_patients", "n_duplicates", "n_label_conflicts", "k",
    "id_mle_k1", "id_mle_k1_se", "id_mle_k2", "id_mle_k2_se", "id_twonn_10pct", "id_twonn_10pct_se",
    "label_sharpness", "label_sharpness_sd", "label_sharpness_m", "label_sharpness_all",
    "label_sharpness_released", "label_sharpness_released_sd",
]  # fmt: skip
RECIPE = ["learning_rate", "batch_size", "epochs", "input_scale", "precision"]


def atlas(tables: Path, *others: Path) -> pd.DataFrame:
    """The table, from the folder of the study's tables; those of networks may be missing.

    Args:
        others: folders of tables with further attacks on the same networks.
    """
    tasks = pd.read_csv(tables / "datasets.csv").rename(columns={"collection": "collection_id"})
    tasks = tasks.merge(pd.read_csv(HERE / "sources.csv"), how="left", on="collection_id")
    tasks = tasks.merge(pd.read_csv(HERE / "tells_apart.csv"), how="left", on="task")
    tasks["collection"] = tasks["collection"].fillna(tasks["collection_id"])
    found = tasks[[*MEASURED, "dataset"]].set_index("task")
    if not (tables / "runs.csv").exists():
        return found.drop(columns="dataset").reset_index()
    recipe = pd.read_csv(tables / "hyperparameters.csv").query("model == @MODEL")
    found = found.join(recipe.set_index("dataset")[RECIPE], on="dataset").drop(columns="dataset")
    runs = pd.read_csv(tables / "runs.csv").query("model == @MODEL and status == 'ok'")
    means = runs.groupby(["task", "n_train"])[["highest_test_accuracy", "test_loss"]].mean()
    means = means.join(runs.groupby(["task", "n_train"]).size().rename("n_seeds"))
    attacks = pd.concat([pd.read_csv(folder / "attacks.csv") for folder in (tables, *others)])
    attacks = attacks.query("model == @MODEL and epsilon_255 == @EPSILON and status == 'ok'")
    penalties = attacks.groupby(["task", "n_train", "attack"])["loss_penalty"].mean().unstack()
    wide = means.join(penalties.add_suffix("_penalty")).unstack("n_train")
    wide.columns = [f"{name}_n{n}" for name, n in wide.columns]
    return found.join(wide).reset_index()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("results", type=Path, nargs="+", help="folders of the studies")
    write_csv(ATLAS, atlas(*(folder / "tables" for folder in parser.parse_args().results)))


if __name__ == "__main__":
    main()
