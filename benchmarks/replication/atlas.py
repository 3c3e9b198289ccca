"""The atlas that `idsharp measure --against atlas` shows one's own images in.

    python benchmarks/replication/atlas.py

Reads the replication's records and writes resources/atlas.csv, one row per task: what was measured,
how, and the learning curve of ResNet-18. What has not been trained stays empty.
"""

from pathlib import Path

import pandas as pd
from records import read_records

from idsharp.common.records import write_csv
from idsharp.report.tables.study import Study

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


def atlas(study: Study) -> pd.DataFrame:
    """The table; its columns of networks are missing where none was trained."""
    tasks = study.datasets.rename(columns={"collection": "collection_id"})
    tasks = tasks.merge(pd.read_csv(HERE / "sources.csv"), how="left", on="collection_id")
    tasks = tasks.merge(pd.read_csv(HERE / "tells_apart.csv"), how="left", on="task")
    tasks["collection"] = tasks["collection"].fillna(tasks["collection_id"])
    found = tasks[MEASURED].set_index("task")
    runs = study.runs.query("model == @MODEL and status == 'ok'")
    if runs.empty:
        return found.reset_index()
    found = found.join(runs.groupby("task")[RECIPE].first())
    means = runs.groupby(["task", "n_train"])[["highest_test_accuracy", "test_loss"]].mean()
    means = means.join(runs.groupby(["task", "n_train"]).size().rename("n_seeds"))
    attacks = study.attacks.query("model == @MODEL and epsilon_255 == @EPSILON and status == 'ok'")
    penalties = attacks.groupby(["task", "n_train", "attack"])["loss_penalty"].mean().unstack()
    wide = means.join(penalties.add_suffix("_penalty")).unstack("n_train")
    wide.columns = [f"{name}_n{n}" for name, n in wide.columns]
    return found.join(wide).reset_index()


if __name__ == "__main__":
    write_csv(ATLAS, atlas(read_records()))
