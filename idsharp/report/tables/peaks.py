"""How deep in a network the representation's dimension is highest, and by domain.

Konz & Mazurowski 2024, arXiv 2408.08381: the dimension of representations of networks that are
trained on medical images peaks in earlier layers than of those trained on natural images, at a
height that goes with the dimension of the images.
"""

import pandas as pd

from idsharp.report.correlation import CORRELATION, correlation
from idsharp.report.points import collection_means
from idsharp.report.tables.losses import models
from idsharp.report.tables.records import RUN_KEYS
from idsharp.report.tables.rows import SCOPES, as_table, domain_difference, fits
from idsharp.report.tables.study import Study, first_choice, learned

#: Layers that are no representation inside the network.
ENDS = ("input", "logits")

_VALUES = ["peak_depth", "peak_id", "input_id"]


def representation_layers(study: Study) -> pd.DataFrame:
    """The dimension at every layer of every network, and which hidden layer is its run's peak."""
    layers = _layers(study)
    layers = layers.assign(
        is_peak=is_peak(layers, f"representation_{study.representation_estimator}")
    )
    place = layers.columns.get_loc("depth") + 1
    columns = [name for name in layers if name != "is_peak"]
    return layers[[*columns[:place], "is_peak", *columns[place:]]]


def _layers(study: Study) -> pd.DataFrame:
    if study.layers is None:
        raise ValueError("the study has no representations at every block")
    return study.layers


def is_peak(layers: pd.DataFrame, estimator: str) -> pd.Series:
    """Which row is the hidden layer of highest dimension of its run; of equal ones the first.

    Args:
        layers: columns task, model, n_train, seed, layer, and the estimator's.
    """
    hidden = layers[~layers["layer"].isin(ENDS)].dropna(subset=[estimator])
    found = hidden.groupby(RUN_KEYS)[estimator].idxmax()
    return pd.Series(layers.index.isin(found), index=layers.index)


def peaks_of_runs(study: Study) -> pd.DataFrame:
    """Depth and height of the peak, and the dimension of the images, of each run to be fitted."""
    estimator = f"representation_{study.representation_estimator}"
    layers = _layers(study)
    names = {"depth": "peak_depth", estimator: "peak_id"}
    found = layers[is_peak(layers, estimator)].rename(columns=names)[[*RUN_KEYS, *names.values()]]
    images = layers[layers["layer"] == "input"].rename(columns={estimator: "input_id"})
    runs = learned(first_choice(study.runs))[["collection", "domain", *RUN_KEYS]]
    return runs.merge(found, how="left").merge(images[[*RUN_KEYS, "input_id"]], how="left")


def representation_peaks(study: Study) -> pd.DataFrame:
    """The depth of the peak by domain, and its height against the dimension of the images.

    Rows of kind "mean" (over collections), "difference" (natural − radiology: positive where the
    peak of radiology comes earlier) and "height" (peak ID ~ ID of the images).
    """
    rows, runs = [], peaks_of_runs(study)
    for model in models(study):
        used = runs if model == "all" else runs[runs["model"] == model]
        means = collection_means(used, _VALUES)
        for domain in SCOPES[1:]:
            part = means.of(domain)
            names = {"kind": "mean", "domain": domain, "model": model}
            names |= part.points[_VALUES].mean().to_dict()
            rows += [row | {"term": "peak_depth"} for row in fits(names, part, "peak_depth")]
        gap = domain_difference({"kind": "difference", "model": model}, means, "peak_depth")
        rows.append(gap | {"term": "peak_depth"})
        for domain in SCOPES:
            part = means.of(domain)
            names = {"kind": "height", "domain": domain, "model": model}
            names |= correlation(part.points, "input_id", "peak_id")
            rows += fits(names, part, "peak_id", ["input_id"])
    return as_table(rows, ["kind", "domain", "model", *_VALUES], CORRELATION)
