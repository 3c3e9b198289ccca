"""Points to infer from: one per collection of images, averaged over the same cells for each.

Models, training sizes, seeds and tasks repeat measurements of the same images. They make a point
more exact and add none, so they are averaged before anything is fitted. A cell is a model at a
training size; a collection that lacks a cell would be averaged over other networks than the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

CELL = ["model", "n_train"]
_POINT = ["collection", "domain"]
_TASK = [*_POINT, "task"]


@dataclass(frozen=True)
class Means:
    """Collection means and what they were taken over.

    Attributes:
        points: one row per collection: collection, domain, n_tasks, n_runs, and the mean of every
            column; for a column `x` with a column `x_se`, the standard error of the mean as well.
        cells: the same before averaging over models and N, one row per collection and cell.
        seed_sd: for each column the standard deviation between seeds of one cell (pooled); None
            with one seed.
        left_out: what had to be left out so that all collections share their cells; "" if nothing.
    """

    points: pd.DataFrame
    cells: pd.DataFrame
    seed_sd: dict[str, float | None]
    left_out: str

    def of(self, domain: str) -> "Means":
        """One domain, over the cells that all collections share; "all": both."""
        if domain == "all":
            return self
        parts = (part[part["domain"] == domain] for part in (self.points, self.cells))
        points, cells = (part.reset_index(drop=True) for part in parts)
        return replace(self, points=points, cells=cells)


def collection_means(runs: pd.DataFrame, columns: Sequence[str]) -> Means:
    """Means of columns over seeds, then N, models and tasks, each step with equal weights.

    Taken over the cells (model × N) that every task of every collection has. Where these are fewer
    than half of all cells, the task or collection that costs the most cells is dropped.

    Args:
        runs: columns collection, domain, task, and `columns`; model, n_train and seed where the
            rows are runs. A row with a value that is missing or not finite does not count.
    """
    columns = list(columns)
    errors = [f"{name}_se" for name in columns if f"{name}_se" in runs]
    cube = _over_seeds(runs, columns, errors)
    rows, shared = _kept(cube.counts > 0, cube.tasks["collection"].to_numpy())
    part = cube.part(rows, shared)
    left_out = "; ".join(_missing(cube, rows, shared))
    return Means(*_averaged(part, columns, errors), _seed_sd(part, columns), left_out)


@dataclass(frozen=True)
class _Cube:
    """Runs by task and cell: how many, their means, and the squares of what is left.

    Attributes:
        tasks: collection, domain, task of each row; cells: model, n_train of each column.
        counts: tasks × cells; means, squares: tasks × cells × values.
        n_missing, n_rows: rows without a value, and all.
    """

    tasks: pd.DataFrame
    cells: pd.DataFrame
    counts: np.ndarray
    means: np.ndarray
    squares: np.ndarray
    n_missing: int
    n_rows: int

    def part(self, rows: np.ndarray, shared: np.ndarray) -> "_Cube":
        counts, means, squares = (
            x[np.ix_(rows, shared)] for x in (self.counts, self.means, self.squares)
        )
        tasks, cells = (x.iloc[i].reset_index(drop=True)
                        for x, i in ((self.tasks, rows), (self.cells, shared)))  # fmt: skip
        return _Cube(tasks, cells, counts, means, squares, self.n_missing, self.n_rows)


def _over_seeds(runs: pd.DataFrame, columns: list[str], errors: list[str]) -> _Cube:
    # Rows of tasks are not divided into cells: they are one.
    runs = runs.assign(**{name: "" for name in CELL if name not in runs})
    task, tasks = _numbered(runs, _TASK)
    cell, cells = _numbered(runs, CELL)
    values = runs[[*columns, *errors]].to_numpy(float)
    usable = np.isfinite(values[:, : len(columns)]).all(axis=1)
    place, shape = (task * len(cells) + cell)[usable], (len(tasks), len(cells))

    def total(column: np.ndarray) -> np.ndarray:
        return np.bincount(place, column, minlength=shape[0] * shape[1])

    counts = np.bincount(place, minlength=shape[0] * shape[1])
    with np.errstate(invalid="ignore"):
        means = np.array([total(column) / counts for column in values[usable].T])
    pairs = zip(values[usable].T, means, strict=True)
    squares = np.array([total((v - m[place]) ** 2) for v, m in pairs])
    means, squares = (x.T.reshape(*shape, values.shape[1]) for x in (means, squares))
    n_missing = int((~usable).sum())
    return _Cube(tasks, cells, counts.reshape(shape), means, squares, n_missing, len(runs))


def _numbered(runs: pd.DataFrame, keys: list[str]) -> tuple[np.ndarray, pd.DataFrame]:
    """The number of each row's combination of keys, and the combinations in order."""
    groups = runs.groupby(keys)
    return groups.ngroup().to_numpy(), groups.size().reset_index()[keys]


def _kept(have: np.ndarray, collections: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tasks that stay, and the cells that all of these have: at least half of all; positions.

    Args:
        have: tasks × cells, whether a task has a cell.
        collections: of each task.
    """
    rows, n_cells = np.flatnonzero(have.any(axis=1)), have.any(axis=0).sum()
    lacking = ~have

    def gain(drop: np.ndarray) -> tuple:
        """The most common cells left; of equal ones the emptiest; of equal ones the smallest."""
        left = (lacking[rows].sum(axis=0) == lacking[drop].sum(axis=0)).sum()
        return left, lacking[drop].mean(), -len(drop)

    while len(set(collections[rows])) > 1 and 2 * have[rows].all(axis=0).sum() < n_cells:
        # One task, or all that are left of a collection.
        whole = [rows[collections[rows] == name] for name in dict.fromkeys(collections[rows])]
        rows = np.setdiff1d(rows, max([*rows[:, np.newaxis], *whole], key=gain))
    return rows, np.flatnonzero(have[rows].all(axis=0) & have.any(axis=0))


def _averaged(
    part: _Cube, columns: list[str], errors: list[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Points, one row per collection, and one row per collection and cell.

    All tasks have the same cells, so that the order of averaging makes no difference.
    """
    names = part.tasks[_POINT].drop_duplicates(ignore_index=True)
    tasks = part.tasks["collection"].to_numpy() == names["collection"].to_numpy()[:, np.newaxis]
    n_tasks = tasks.sum(axis=1)
    # Collections × cells × values.
    values = np.einsum("ct,tkv->ckv", tasks, part.means) / n_tasks[:, np.newaxis, np.newaxis]
    n_runs = tasks @ part.counts
    cells = names.merge(part.cells, how="cross")
    cells = cells.assign(**{c: values[:, :, i].ravel() for i, c in enumerate(columns)})
    models = [part.cells["model"].to_numpy() == model for model in part.cells["model"].unique()]
    over_n = np.array([values[:, model].mean(axis=1) for model in models])
    over_models = over_n.mean(axis=0) if len(models) else np.empty((len(names), len(columns)))
    points = names.assign(**{c: over_models[:, i] for i, c in enumerate(columns)})
    for i, name in enumerate(errors, len(columns)):
        # Every run of a task repeats the standard errors of its images; tasks are independent.
        squares = (part.means[:, :, i].sum(axis=1) / max(len(part.cells), 1)) ** 2
        points[name] = np.sqrt(tasks @ squares) / n_tasks
    points = points.assign(n_tasks=n_tasks, n_runs=n_runs.sum(axis=1).astype(int))
    return points, cells.assign(n_runs=n_runs.ravel().astype(int))


def _seed_sd(part: _Cube, columns: list[str]) -> dict[str, float | None]:
    """Standard deviation between seeds inside a cell of a task, pooled over all of them."""
    freedom = part.counts.sum() - part.counts.size
    if not freedom:
        return dict.fromkeys(columns)
    squares = part.squares.sum(axis=(0, 1))
    return dict(zip(columns, np.sqrt(squares / freedom).tolist(), strict=False))


def _missing(cube: _Cube, rows: np.ndarray, shared: np.ndarray) -> list[str]:
    """What was left out and why, with counts."""
    notes, have, total = [], cube.counts > 0, len(cube.cells)
    if cube.n_missing:
        notes.append(f"{cube.n_missing} of {cube.n_rows} rows have no value")
    for row in np.setdiff1d(np.arange(len(cube.tasks)), rows):
        cells, name = int(have[row].sum()), cube.tasks.iloc[row]
        what = f"in {cells} of {total} cells (model × N)" if total > 1 else "measured"
        what = what if cells else "no value at all"
        notes.append(f"{name['task']} ({name['collection']}) dropped: {what}")
    lost = np.setdiff1d(np.arange(total), shared)
    if len(lost) and len(rows):
        gaps = rows[~have[np.ix_(rows, lost)].all(axis=1)]
        lacking = ", ".join(map(str, cube.tasks["collection"].iloc[gaps].unique()))
        names = f"{_named(lost, cube.cells)} ({lacking} lack some)"
        notes.append(f"{len(lost)} of {total} cells not common to all: {names}")
    return notes


def _named(lost: np.ndarray, cells: pd.DataFrame) -> str:
    """Cells in few words: the N, or the models, that are missing altogether."""
    parts, rest = [], cells.iloc[lost]
    for column, label in (("n_train", "N = {}"), ("model", "{}")):
        for value in rest[column].unique():
            if np.isin(np.flatnonzero(cells[column] == value), lost).all():
                parts.append(label.format(value))
                rest = rest[rest[column] != value]
    singles = (f"{model} at N = {n}" for model, n in rest[CELL].itertuples(index=False))
    return ", ".join([*parts, *singles])
