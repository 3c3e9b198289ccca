"""Points to infer from: one per collection of images, averaged over the same cells for each.

Models, training sizes, seeds and tasks repeat measurements of the same images. They make a point
more exact and add none, so they are averaged before anything is fitted. A cell is a model at a
training size; a collection that lacks a cell would be averaged over other networks than the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

CELL = ["model", "n_train"]
UNIT = ["collection", "task"]


@dataclass(frozen=True)
class Means:
    """Collection means and what they were taken over.

    Attributes:
        points: one row per collection: collection, domain, n_tasks, n_runs, and the mean of every
            column; for a column `x` with a column `x_se`, the standard error of the mean as well.
        seed_sd: for each column the standard deviation between seeds of one cell (pooled), None
            with one seed.
        left_out: what had to be left out so that all collections share their cells; "" if nothing.
    """

    points: pd.DataFrame
    seed_sd: dict[str, float | None] = field(default_factory=dict)
    left_out: str = ""

    def of(self, domain: str) -> "Means":
        """The points of one domain, over the cells that all collections share; "all": all."""
        if domain == "all":
            return self
        points = self.points[self.points["domain"] == domain]
        return Means(points.reset_index(drop=True), self.seed_sd, self.left_out)


def collection_means(runs: pd.DataFrame, columns: Sequence[str]) -> Means:
    """Means of columns over seeds, then N, models and tasks, each step with equal weights.

    Taken over the cells (model × N) that every task of every collection has. Where these are fewer
    than half of all cells, the task or collection that costs the most cells is dropped.

    Args:
        runs: columns collection, domain, task, and `columns`; model, n_train and seed where the
            rows are runs. A row with a value that is missing or not finite does not count.
    """
    columns = list(columns)
    # Rows of tasks are not divided into cells: they are one.
    runs = runs.assign(**{name: "" for name in CELL if name not in runs})
    usable = np.isfinite(runs[columns].astype(float)).all(axis=1)
    have = usable.groupby([runs[name] for name in UNIT + CELL]).any()
    have = have.unstack(CELL, fill_value=False).astype(bool)
    kept = _kept(have)
    shared = kept.columns[kept.all()] if len(kept) else kept.columns[:0]
    is_shared = pd.MultiIndex.from_frame(runs[CELL]).isin(shared)
    used = runs[usable & is_shared & pd.MultiIndex.from_frame(runs[UNIT]).isin(kept.index)]
    notes = _missing(usable, have, kept, shared)
    return Means(_averaged(used, columns), _seed_sd(used, columns), "; ".join(notes))


def _kept(have: pd.DataFrame) -> pd.DataFrame:
    """Tasks × cells of the tasks that stay: at least half of all cells are common to them."""
    kept = have[have.any(axis=1)]
    while kept.index.get_level_values(0).nunique() > 1 and 2 * kept.all().sum() < have.shape[1]:
        collections = kept.index.get_level_values(0)
        whole = [collections == name for name in collections.unique()]
        alone = [kept.index == task for task in kept.index]
        # The most common cells left; of equal ones the emptiest; of equal ones the smallest.
        drop = max(
            (rows for rows in [*alone, *whole] if not rows.all()),
            key=lambda rows: (kept[~rows].all().sum(), -kept[rows].sum(axis=1).mean(), -rows.sum()),
        )
        kept = kept[~drop]
    return kept


def _averaged(used: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """One row per collection."""
    steps = [["domain", *UNIT, *CELL], ["domain", *UNIT, "model"], ["domain", *UNIT]]
    means = used[[*steps[0], *columns]]
    for keys in steps:
        means = means.groupby(keys, as_index=False)[columns].mean()
    groups = means.groupby(["collection", "domain"])
    points = groups[columns].mean()
    for name in (name for name in columns if f"{name}_se" in used):
        # Every run of a task repeats the standard error of its images; tasks are independent.
        errors = used.groupby(["collection", "domain", "task"])[f"{name}_se"].mean()
        errors = (errors.astype(float) ** 2).groupby(["collection", "domain"])
        points[f"{name}_se"] = np.sqrt(errors.sum(min_count=1)) / groups.size()
    points["n_tasks"] = groups.size()
    points["n_runs"] = used.groupby(["collection", "domain"]).size()
    return points.reset_index()


def _seed_sd(used: pd.DataFrame, columns: list[str]) -> dict[str, float | None]:
    """Standard deviation inside a cell of a task, pooled over all of them."""
    groups = used.groupby(UNIT + CELL)
    freedom = (groups.size() - 1).sum()
    if not freedom:
        return dict.fromkeys(columns)
    squares = (used[columns].astype(float) - groups[columns].transform("mean")) ** 2
    return {name: float(np.sqrt(squares[name].sum() / freedom)) for name in columns}


def _missing(usable, have: pd.DataFrame, kept: pd.DataFrame, shared) -> list[str]:
    """What was left out and why, with counts."""
    notes, total = [], have.shape[1]
    if not usable.all():
        notes.append(f"{(~usable).sum()} of {len(usable)} rows have no value")
    for task in have.index.difference(kept.index):
        cells = int(have.loc[task].sum())
        what = f"in {cells} of {total} cells (model × N)" if total > 1 else "measured"
        notes.append(f"{task[1]} ({task[0]}) dropped: {what if cells else 'no value at all'}")
    lost = have.columns.difference(shared)
    if len(lost) and len(kept):
        lacking = kept.index[~kept[lost].all(axis=1)].get_level_values(0).unique()
        names = f" ({', '.join(lacking)} lack some)" if len(lacking) else ""
        notes.append(f"{len(lost)} of {total} cells not common to all: {_name(lost, have)}{names}")
    return notes


def _name(lost: pd.MultiIndex, have: pd.DataFrame) -> str:
    """Cells in few words: the N, or the models, that are missing altogether."""
    parts, rest = [], lost
    for level, label in ((1, "N = {}"), (0, "{}")):
        for value in rest.get_level_values(level).unique():
            all_of_it = have.columns[have.columns.get_level_values(level) == value]
            if all_of_it.isin(lost).all():
                parts.append(label.format(value))
                rest = rest[rest.get_level_values(level) != value]
    return ", ".join([*parts, *(f"{model} at N = {n}" for model, n in rest)])
