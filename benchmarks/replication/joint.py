"""Question 3b by other means: the joint fit of ln loss on (ln N)/d and ln K_F, asked otherwise."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from curves import final_error, robust

from idsharp.properties.estimators import ESTIMATORS
from idsharp.report.inference import difference, fit
from idsharp.report.tables.study import Study

X, K = "log_n_over_pool_id", "log_sharpness"
SLOPES = {"(ln N)/d": -1, "ln K_F": +1}
#: The collections on which the slopes lean most.
LEANT_ON = ("MNIST", "glioma_MRI", "brain_MRI")


def joint(study: Study) -> Iterator[tuple[str, str, dict, int | None]]:
    """Both slopes in every way: quantity, over what, estimate, and the papers' sign, if any."""
    points = study.points(["log_loss", X, K, "is_radiology"]).points
    for name in LEANT_ON:
        yield from _slopes(points[points["collection"] != name], f"without {name}")
    for name, each in ESTIMATORS.items():
        used = study.points(["log_loss", X, K], estimator=name).points
        yield from _slopes(used, f"d by {each.short}")
    of_sets = "log_n_over_data_id"
    used = study.points(["log_loss", of_sets, K]).points
    yield from _slopes(used, "d of the training sets", x=of_sets)
    yield from _slopes(points, "the domain as a third term", others=("is_radiology",))
    below = study.points(["log_loss", X, K], losses="below chance").points
    yield from _slopes(below, f"networks with a loss below chance, {len(below)} collections")
    errors = np.log(final_error(study.runs))
    with_errors = replace(study, runs=study.runs.assign(log_error=errors))
    used = with_errors.points(["log_error", X, K]).points
    yield from _slopes(used, "ln of the final error in place of ln loss", response="log_error")
    accuracy = "highest_test_accuracy"
    used = study.points(["log_loss", X, K, accuracy]).points
    yield from _slopes(used, "at equal highest accuracy", others=(accuracy,))
    for (term, side), slope in zip(SLOPES.items(), robust(points, "log_loss", [X, K]), strict=True):
        yield f"slope of ln loss on {term} beside the other", "errors by HC3", slope, side
    yield from _by_domain(points)


def _slopes(
    points: pd.DataFrame, over: str, response: str = "log_loss", x: str = X, others: tuple = ()
) -> Iterator[tuple[str, str, dict, int | None]]:
    found = fit(points, response, [x, K, *others])
    for (term, side), slope in zip(SLOPES.items(), found, strict=False):
        yield f"slope of ln loss on {term} beside the other", over, slope, side


def _by_domain(points: pd.DataFrame) -> Iterator[tuple[str, str, dict, int | None]]:
    inside = {
        domain: fit(points[points["domain"] == domain], "log_loss", [X, K])
        for domain in ("radiology", "natural")
    }
    for i, (term, side) in enumerate(SLOPES.items()):
        text = f"slope of ln loss on {term} beside the other"
        for domain, slopes in inside.items():
            yield text, domain, slopes[i], side
        gap = difference(inside["radiology"][i], inside["natural"][i])
        yield text, "radiology − natural", gap, None
