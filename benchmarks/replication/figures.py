"""The figures of docs/replication.md that show networks, from the replication's records.

python benchmarks/replication/figures.py
"""

from pathlib import Path

import numpy as np
import pandas as pd
from curves import exponents
from matplotlib.figure import Figure
from properties import NAMES
from records import read_records
from statsmodels.regression.linear_model import OLS

from idsharp.report.figures.marks import domain_handles
from idsharp.report.figures.registry import FIGURES
from idsharp.report.figures.style import (
    COLORS,
    GREY,
    SMALL,
    TWO_COLUMNS,
    handle,
    marker,
    new_figure,
    save,
    styled,
)
from idsharp.report.inference import design, fit
from idsharp.report.selection import Results
from idsharp.report.tables.build import build_tables
from idsharp.report.tables.study import Study
from idsharp.report.wording import with_interval

HERE = Path(__file__).resolve().parent
#: Where names stand: to the left (−1) or right of their points, and how far above them.
NAMED_AT = {
    "Imagenette": (-1, 3), "knee_X-ray": (-1, 3), "BUS-BRA": (1, -9), "CIFAR-10": (1, 7),
    "flowers": (1, -7), "scenes": (1, 1), "COVID_X-ray": (1, 7), "NIH_X-ray": (1, -2),
    "COVID_CT": (-1, -3), "GTSRB": (-1, 8), "brain_MRI": (-1, 0), "glioma_MRI": (-1, 0),
    "cats_v_dogs": (-1, -3), "Kermany": (-1, 5),
}  # fmt: skip


class FromRecords(Results):
    """The tables of a study that lies in no folder of results."""

    def __init__(self, study: Study, shown_epsilon: int = 2):
        self.folder, self.shown_epsilon = HERE, shown_epsilon
        named = {"collection": NAMES}
        self._tables = {name: t.replace(named) for name, t in build_tables(study).items()}


@styled
def learning_curves(points: pd.DataFrame) -> Figure:
    """Question 3a: how fast the loss of each collection falls with N, against 1/d."""
    figure = new_figure(TWO_COLUMNS, 92)
    axis = figure.subplots()
    at = np.linspace(0.032, 1.03 * points["inverse_id"].max(), 50)
    model = OLS(*design(points, "exponent", ["inverse_id"])).fit()
    band = model.get_prediction(np.column_stack([np.ones(len(at)), at]))
    axis.plot(at, band.predicted_mean, color=GREY)
    axis.fill_between(at, *band.conf_int(alpha=0.05).T, color=GREY, alpha=0.12, lw=0)
    axis.plot(at, at, color=GREY, linestyle=":")
    for domain, part in points.groupby("domain"):
        axis.plot(part["inverse_id"], part["exponent"], **marker(domain))
    for _, point in points.iterrows():
        collection = point["collection"]
        side, up = NAMED_AT.get(collection, (1, 0))
        axis.annotate(
            NAMES[collection], (point["inverse_id"], point["exponent"]),
            xytext=(4 * side, up), textcoords="offset points",
            ha="left" if side > 0 else "right", va="center", fontsize=SMALL,
            color=COLORS[point["domain"]],
        )  # fmt: skip
    slope = fit(points, "exponent", ["inverse_id"])[0]
    ends = with_interval(slope["estimate"], slope["low"], slope["high"])
    axis.set_xlim(at[0], at[-1])
    axis.set_ylim(-0.6, 1.7)
    axis.set_xlabel("1/d (MLE, k − 1)")
    axis.set_ylabel("exponent of the learning curve:\nslope of −ln test loss on ln N")
    handles = [
        *domain_handles(points["domain"]),
        handle(f"slope {ends}, 95 % band", color=GREY, linestyle="-"),
    ]
    handles.append(handle("the papers' law: 1/d", color=GREY, linestyle=":"))
    figure.legend(handles=handles, loc="outside upper left", ncols=4)
    return figure


def main() -> None:
    study = read_records()
    for name in ("accuracy_vs_id", "representation_vs_data"):
        save(FIGURES[name](FromRecords(study)), HERE / name, ("png",))
    save(learning_curves(exponents(study)), HERE / "learning_curves", ("png",))


if __name__ == "__main__":
    main()
