"""How deep in a network the representation's dimension is highest, and by domain.

Konz & Mazurowski 2024, arXiv 2408.08381: representations of networks that are trained on medical
images peak in earlier layers than of those trained on natural images, at a height that goes with
the dimension of the images.
"""

import numpy as np
import pandas as pd
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from idsharp.report import regressions

RUN = ["task", "domain", "model", "n_train", "seed"]
#: Layers that are no representation inside the network.
ENDS = ("input", "logits")


def is_peak(layers: pd.DataFrame, estimator: str) -> pd.Series:
    """Which row is the hidden layer of highest dimension of its run; of equal ones the first.

    Args:
        layers: columns of RUN, layer, and the estimator's.
    """
    hidden = layers[~layers["layer"].isin(ENDS)].dropna(subset=[estimator])
    found = hidden.groupby(RUN)[estimator].idxmax()
    return pd.Series(layers.index.isin(found), index=layers.index)


def peak_points(layers: pd.DataFrame, estimator: str) -> pd.DataFrame:
    """Depth and height of the peak, and the dimension of the images, of each task and model.

    Means over training sizes and seeds, whose runs share images and are not independent.
    """
    peaks = layers.loc[layers["is_peak"], [*RUN, "depth", estimator]]
    peaks = peaks.rename(columns={"depth": "peak_depth", estimator: "peak_id"})
    images = layers.loc[layers["layer"] == "input", [*RUN, estimator]]
    both = peaks.merge(images.rename(columns={estimator: "input_id"}), on=RUN)
    names, values = ["task", "domain", "model"], ["peak_depth", "peak_id", "input_id"]
    return both.groupby(names, as_index=False)[values].mean()


def representation_peaks(layers: pd.DataFrame, estimator: str) -> pd.DataFrame:
    """The depth of the peak by domain, and its height against the dimension of the images.

    Rows of kind "mean" (over tasks, with the t interval), "difference" (natural − radiology,
    Welch's t) and "height" (peak ID ~ ID of the images). A point is a task: the mean over training
    sizes and seeds, and over networks where the model is "all".

    Args:
        layers: columns of RUN, layer, depth, is_peak, and the estimator's.
    """
    points = peak_points(layers, estimator)
    values = ["peak_depth", "peak_id", "input_id"]
    everything = points.groupby(["task", "domain"], as_index=False)[values].mean()
    rows = []
    for model, group in [("all", everything), *points.groupby("model")]:
        for domain, scoped in group.groupby("domain"):
            names = {"kind": "mean", "domain": domain, "model": model, "n": len(scoped)}
            rows.append(names | scoped[values].mean().to_dict() | _mean(scoped["peak_depth"]))
        names = {"kind": "difference", "domain": "all", "model": model, "n": len(group)}
        rows.append(names | _difference(group))
        for domain, scoped in regressions.scopes(group):
            names = {"kind": "height", "domain": domain, "model": model}
            rows.append(names | regressions.correlation(scoped, "input_id", "peak_id"))
    return pd.DataFrame(
        rows,
        columns=[
            "kind", "domain", "model", "n", "peak_depth", "peak_depth_low", "peak_depth_high",
            "peak_depth_p", "peak_id", "input_id", *regressions.CORRELATION, "reason",
        ],
    )  # fmt: skip


def _mean(depths: pd.Series) -> dict:
    if len(depths) < 2:
        return {"reason": "1 task: an interval needs 2"}
    if _constant(depths):
        return {"reason": "the peak lies at the same depth in every task: no interval"}
    low, high = DescrStatsW(depths).tconfint_mean(0.05)
    return {"peak_depth_low": low, "peak_depth_high": high}


def _difference(group: pd.DataFrame) -> dict:
    """Natural − radiology, positive where the peak of radiology comes earlier."""
    sides = [group.loc[group["domain"] == d, "peak_depth"] for d in ("natural", "radiology")]
    few = min(map(len, sides))
    if few < 2:
        return {"reason": f"{few} task{'' if few == 1 else 's'} of one domain: 2 are needed"}
    record = {"peak_depth": sides[0].mean() - sides[1].mean()}
    if all(map(_constant, sides)):
        return record | {"reason": "no variation inside either domain: no interval"}
    both = CompareMeans(*map(DescrStatsW, sides))
    low, high = both.tconfint_diff(0.05, usevar="unequal")
    p = both.ttest_ind(usevar="unequal")[1]
    return record | {"peak_depth_low": low, "peak_depth_high": high, "peak_depth_p": p}


def _constant(depths: pd.Series) -> bool:
    """Whether all are the same but for the rounding of means."""
    return np.ptp(depths) < 1e-9
