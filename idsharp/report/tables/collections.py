"""The points of the fits over all models and sizes: one row per collection."""

import pandas as pd

from idsharp.report.tables.losses import LOSSES
from idsharp.report.tables.study import DIMENSIONS, Study, first_choice

_WITH_SPREAD = ("highest_test_accuracy", "test_accuracy", "log_loss", "representation_id")
_COLUMNS = [
    *DIMENSIONS, "dataset_id", "pool_sharpness", "log_sharpness", "highest_test_accuracy",
    "test_accuracy", "log_loss", *(f"log_n_over_{name}" for name in DIMENSIONS),
]  # fmt: skip


def collections(study: Study) -> pd.DataFrame:
    """Terms and responses of each collection, and the spread of responses over models and N.

    Every column is averaged over the cells that all collections share for that column, as in the
    fit on it; `left_out` is that of the loss.
    """
    rows = []
    for losses in LOSSES:
        table = _names(study)
        table["losses"] = losses
        for column in _COLUMNS:
            means = study.points([column], losses=losses)
            points = means.points.set_index("collection")
            table[column] = points[column]
            if column in _WITH_SPREAD:
                table[f"{column}_sd"] = means.cells.groupby("collection")[column].std()
            if column == "log_loss":
                table["n_runs"], table["left_out"] = points["n_runs"], means.left_out or None
        rows.append(table.reset_index())
    return pd.concat(rows, ignore_index=True)


def _names(study: Study) -> pd.DataFrame:
    """Tasks of each collection, indexed by collection."""
    tasks = first_choice(study.runs).groupby(["domain", "collection"])["task"].unique()
    table = tasks.map(list).rename("tasks").reset_index("domain")
    table["n_tasks"] = table["tasks"].map(len)
    table["tasks"] = table["tasks"].map(", ".join)
    return table
