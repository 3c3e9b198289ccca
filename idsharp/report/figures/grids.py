"""Every network and training size by itself: for those who look for one, not for the page."""

import pandas as pd
from matplotlib.figure import Figure

from idsharp.report.figures.generalization import with_logs
from idsharp.report.figures.marks import domain_handles, fitted_line, limits_of_points, with_notes
from idsharp.report.figures.means import by_cell
from idsharp.report.figures.style import SMALL, TWO_COLUMNS, marker, new_figure, styled

_COLUMN = 24  # mm


def accuracy_vs_id(runs: pd.DataFrame) -> Figure:
    """Highest accuracy against the ID of the pool."""
    labels = "intrinsic dimension of the pool", "highest test accuracy"
    return _grid(runs, "pool_id", "highest_test_accuracy", labels)


def log_loss_vs_id(runs: pd.DataFrame) -> Figure:
    """Log test loss against the ID of the pool."""
    labels = "intrinsic dimension of the pool", "log test loss, ln L [L in nats]"
    return _grid(with_logs(runs), "pool_id", "log_loss", labels)


def log_loss_vs_representation_id(runs: pd.DataFrame) -> Figure:
    """Log test loss against the ID of the penultimate representation."""
    labels = "intrinsic dimension of the representation", "log test loss, ln L [L in nats]"
    return _grid(with_logs(runs), "representation_id", "log_loss", labels)


@styled
def _grid(runs: pd.DataFrame, x: str, y: str, labels: tuple[str, str]) -> Figure:
    """Panels by network (rows) and N (columns); a point is a collection."""
    models, sizes = list(dict.fromkeys(runs["model"])), sorted(runs["n_train"].unique())
    points = by_cell(runs, ["model", "n_train"], [x, y])
    width = max(TWO_COLUMNS, 14 + _COLUMN * len(sizes))
    figure = new_figure(width, 24 + 26 * max(len(models), 1))
    shape = max(len(models), 1), max(len(sizes), 1)
    axes = figure.subplots(*shape, squeeze=False, sharex=True, sharey=True)
    for row, model in zip(axes, models, strict=False):
        for axis, n in zip(row, sizes, strict=True):
            cell = points[(points["model"] == model) & (points["n_train"] == n)]
            for domain, group in cell.groupby("domain"):
                axis.plot(group[x], group[y], **marker(domain) | {"ms": 3})
                fitted_line(axis, group, x, y, domain)
    for axis, n in zip(axes[0], sizes, strict=False):
        axis.set_title(f"N = {n}", fontsize=SMALL)
    for row, model in zip(axes, models, strict=False):
        row[0].set_ylabel(model)
    limits_of_points(axes[0, 0], points, x, y)
    n_collections = points["collection"].nunique()
    figure.supxlabel(f"{labels[0]}; a point is one of {n_collections} collections")
    figure.supylabel(labels[1])
    figure.legend(handles=domain_handles(points["domain"]), loc="outside upper left", ncols=2)
    return with_notes(figure, runs)
