"""Ours beside the papers' values."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from idsharp.report.figures.marks import say
from idsharp.report.figures.style import (
    BLUE,
    GREY,
    ORANGE,
    PALE,
    TWO_COLUMNS,
    handle,
    new_figure,
    styled,
)

_ROW = 4.4  # mm
_QUANTITIES = {
    "intrinsic_dimension": "ID",
    "label_sharpness": "$K_F$",
    "highest_test_accuracy": "accuracy",
}
_SOURCES = {"miccai2022": "MICCAI", "iclr2024": "ICLR"}
#: Look of each verdict; they differ in marker as well as in color.
_VERDICTS = {
    "agrees": {"marker": "o", "color": BLUE},
    "cannot tell": {"marker": "o", "color": GREY, "mfc": "white"},
    "differs": {"marker": "X", "color": ORANGE},
}
#: Limits of the axis, in tolerances; what lies outside is drawn as an arrow at the edge.
_REACH = 6


@styled
def comparison(table: pd.DataFrame) -> Figure:
    """Ours minus published, in units of the tolerance, sorted; inside the band they agree."""
    rows = table.dropna(subset=["difference", "tolerance"])
    rows = rows[rows["verdict"].isin(_VERDICTS)]
    figure = new_figure(TWO_COLUMNS, 30 + _ROW * max(len(rows), 4))
    axis = figure.subplots()
    if rows.empty:
        reasons = table["why"].dropna().unique()
        one = f": {reasons[0]}" if len(reasons) == 1 else ""
        say(axis, f"none of {len(table)} published values can be compared with this study{one}")
        axis.set_axis_off()
        return figure
    rows = rows.assign(scaled=rows["difference"] / rows["tolerance"]).sort_values("scaled")
    axis.axvspan(-1, 1, color=PALE, alpha=0.6, lw=0, zorder=0)
    axis.axvline(0, color=GREY, lw=0.6)
    for y, row in enumerate(rows.to_dict("records")):
        look = _VERDICTS[row["verdict"]]
        ends = np.array([row["difference_low"], row["difference_high"]]) / row["tolerance"]
        axis.plot(np.clip(ends, -_REACH, _REACH), [y, y], color=look["color"], lw=0.9)
        outside = abs(row["scaled"]) > _REACH
        edge = ">" if row["scaled"] > 0 else "<"
        axis.plot(
            np.clip(row["scaled"], -_REACH, _REACH), y, linestyle="none",
            marker=edge if outside else look["marker"],
            color=look["color"], mfc=look.get("mfc", look["color"]),
        )  # fmt: skip
    axis.set_yticks(range(len(rows)), [_name(row) for row in rows.to_dict("records")])
    axis.set_ylim(-0.7, len(rows) - 0.3)
    axis.tick_params(axis="y", length=0)
    axis.set_xlim(-1.05 * _REACH, 1.05 * _REACH)
    axis.set_xlabel("ours − published, 95 % interval, in tolerances (band: ± the tolerance)")
    counts = rows["verdict"].value_counts()
    handles = [
        handle(f"{verdict}: {counts.get(verdict, 0)}", **look)
        for verdict, look in _VERDICTS.items()
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=3)
    return figure


def _name(row: dict) -> str:
    quantity = _QUANTITIES.get(row["quantity"], row["quantity"])
    variant = f", {row['variant']}" if isinstance(row.get("variant"), str) else ""
    dataset = row["dataset"] if isinstance(row["dataset"], str) else "all"
    figure = str(row["figure"]).replace("fig", "Fig. ")
    return f"{dataset}, {quantity}{variant} ({_SOURCES.get(row['source'], '')} {figure})"
