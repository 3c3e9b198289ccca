"""The estimates of the replication's questions 1 to 5, each as a row with interval and verdict.

docs/replication.md says what was asked, and what counts as support.
"""

import numpy as np
import pandas as pd
from curves import SLOPE, exponents, otherwise, primary
from joint import joint

from idsharp.properties.estimators import ESTIMATORS
from idsharp.report.correlation import correlation
from idsharp.report.inference import design, difference, fit, leave_one_out
from idsharp.report.points import collection_means
from idsharp.report.tables.attacks import penalty_points
from idsharp.report.tables.peaks import representation_layers
from idsharp.report.tables.study import Study

#: Collections with fewer than 2000 images: answers that use ID are repeated without them.
SMALL = ("BUS-BRA", "NIH_X-ray", "GTSRB")
DOMAINS = ("radiology", "natural")
ALL, LARGE = "15 collections", "without the three small ones"
TERMS = {"log_n_over_pool_id": "(ln N)/d", "log_sharpness": "ln K_F"}
TERMS |= {"log_released": "ln K_F by the released rule"}
GAP = "ID of data − ID of representation (TwoNN)"
PEAK = "relative depth of the peak, radiology − natural"


def row(
    question: str, quantity: str, over: str, found: dict, side: int | None, null: float = 0.0
) -> dict:
    """One estimate; `side`: the sign that the papers expect of estimate − null, None if none."""
    record = {"question": question, "quantity": quantity, "over": over}
    record |= {key: found.get(key) for key in ("estimate", "low", "high", "p", "n_collections")}
    record |= {key: found.get(key) for key in ("low_without_one", "high_without_one", "decided_by")}
    low, high = record["low"], record["high"]
    if low is None:
        verdict = f"not measured: {found.get('reason')}"
    elif low <= null <= high:
        verdict = "cannot tell"
    else:
        verdict = "excludes 0" if side is None else "refutation"
        if side is not None and side * (low - null) > 0:
            verdict = "support"
    return record | {"verdict": verdict}


def pearson(points: pd.DataFrame, x: str, y: str) -> dict:
    """A correlation with the names of a fit."""
    found = correlation(points, x, y)
    ends = {"estimate": "pearson_r", "low": "pearson_low", "high": "pearson_high"}
    ends |= {f"{end}_without_one": f"pearson_{end}_without_one" for end in ("low", "high")}
    ends |= {"decided_by": "pearson_decided_by", "p": "permutation_p", "reason": "reason"}
    names = {ours: found[theirs] for ours, theirs in ends.items() if theirs in found}
    return names | {"n_collections": len(points)}


def parts(points: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """All collections, and those with 2000 images."""
    return [(ALL, points), (LARGE, points[~points["collection"].isin(SMALL)])]


def dimension(study: Study) -> list[dict]:
    """Question 1: mean ID of the pool, radiology less natural."""
    rows = []
    for over, used in parts(study.points(["pool_id"]).points):
        means = [fit(used[used["domain"] == domain], "pool_id")[0] for domain in DOMAINS]
        rows.append(row("1", "ID, radiology − natural", over, difference(*means), -1))
    return rows


def accuracy(study: Study) -> list[dict]:
    """Question 2: highest test accuracy on ID in each domain, and the difference of slopes."""
    rows = []
    for over, used in parts(study.points(["highest_test_accuracy", "pool_id"]).points):
        slopes = {
            domain: fit(used[used["domain"] == domain], "highest_test_accuracy", ["pool_id"])[0]
            for domain in DOMAINS
        }
        for domain, slope in slopes.items():
            rows.append(row("2", f"slope of accuracy on ID, {domain} (per unit)", over, slope, -1))
        gap = difference(slopes["radiology"], slopes["natural"])
        rows.append(row("2", "difference of slopes, radiology − natural", over, gap, None))
    return rows


def learning_curves(study: Study) -> list[dict]:
    """Question 3a: the exponent of the learning curve on 1/d, as registered and otherwise."""
    points, rows = exponents(study), []
    if points.empty:
        return rows
    for over, used in parts(points):
        rows.append(row("3a", SLOPE, over, fit(used, "exponent", ["inverse_id"])[0], +1))
        rows.append(row("3a", "mean exponent", over, fit(used, "exponent")[0], None))
    if study.runs["model"].nunique() > 1:
        rows += [row("3a", *each, +1) for each in otherwise(study, points)]
    return rows


def losses(study: Study) -> pd.DataFrame:
    """ln loss, (ln N)/d and ln K_F by both rules of every collection, over the same cells."""
    terms = ["log_loss", "log_n_over_pool_id", "log_sharpness", "highest_test_accuracy"]
    points = study.points(terms).points
    released = study.points(terms, rule="released").points.set_index("collection")["log_sharpness"]
    return points.assign(log_released=points["collection"].map(released))


def curves(study: Study) -> list[dict]:
    """Question 3: exponent on 1/d; ln K_F beside (ln N)/d; a collection left out, predicted."""
    rows, x, points = learning_curves(study), "log_n_over_pool_id", losses(study)
    for over, used in parts(points):
        for name in (x, "log_sharpness"):
            side = +1 if name == "log_sharpness" else -1
            text = f"slope of ln loss on {TERMS[name]} alone"
            rows.append(row("3b", text, over, fit(used, "log_loss", [name])[0], side))
        for rule in ("log_sharpness", "log_released"):
            for name, slope in zip((x, rule), fit(used, "log_loss", [x, rule]), strict=True):
                text = (
                    f"slope of ln loss on {TERMS[name]}, beside {TERMS[rule if name == x else x]}"
                )
                rows.append(row("3b", text, over, slope, -1 if name == x else +1))
        if over == ALL:
            rows += [row("3b", *each) for each in joint(study)]
        law = used.assign(law=used["log_loss"] + used[x] - used["log_sharpness"])
        errors = {
            "the mean": squares(used, "log_loss"),
            "(ln N)/d": squares(used, "log_loss", x),
            "(ln N)/d and ln K_F": squares(used, "log_loss", x, "log_sharpness"),
            "the law's slopes": squares(law, "law"),
        }
        for name, error in list(errors.items())[1:]:
            gain = used.assign(gain=errors["the mean"] - error)
            size = np.sqrt(error.mean()), np.sqrt(errors["the mean"].mean())
            text = f"gain in squared error of ln loss over the mean by {name} "
            text += f"(RMSE {size[0]:.2f}, the mean's {size[1]:.2f})"
            rows.append(row("3c", text, over, fit(gain, "gain")[0], +1))
    return rows


def squares(points: pd.DataFrame, response: str, *terms: str) -> np.ndarray:
    """Squared error of each collection as the others predict it."""
    y, x = design(points, response, terms)
    return (y - leave_one_out(y, x)[1]) ** 2


def penalties(study: Study) -> list[dict]:
    """Question 4: the loss penalty against K_F, in logarithms and as they are."""
    rows = []
    clean = losses(study).drop(columns=["domain", "n_tasks", "n_runs"])
    points = penalty_points(study).query("model == 'all'").merge(clean, on="collection")
    points = points.assign(released=np.exp(points["log_released"]))
    for (attack, epsilon), each in points.groupby(["attack", "epsilon_255"]):
        positive = each[each["loss_penalty"] > 0]
        dropped = sorted(set(each["collection"]) - set(positive["collection"]))
        logs = positive.assign(
            x=np.log(positive["pool_sharpness"]), y=np.log(positive["loss_penalty"])
        )
        name = f"{attack.upper()} {epsilon:g}/255"
        text = f"r of ln penalty and ln K_F, {name}"
        text += f" (without {', '.join(dropped)}: no penalty)" if dropped else ""
        for over, used in parts(logs):
            rows.append(row("4", text, over, pearson(used, "x", "y"), +1))
        for domain in DOMAINS:
            inside = logs[logs["domain"] == domain]
            rows.append(row("4", f"{text}, {domain}", ALL, pearson(inside, "x", "y"), +1))
        if epsilon == 2:
            as_it_is = pearson(each, "pool_sharpness", "loss_penalty")
            rows.append(row("4", f"r of penalty and K_F, {name}", ALL, as_it_is, +1))
            text = f"r of ln penalty and ln of the loss without attack, {name}"
            rows.append(row("4", text, ALL, pearson(logs, "log_loss", "y"), None))
            slope = fit(logs, "y", ["x", "highest_test_accuracy"])[0]
            text = f"slope of ln penalty on ln K_F at equal accuracy, {name}"
            rows.append(row("4", text, ALL, slope, +1))
            text = f"slope of ln penalty on ln K_F beside (ln N)/d, {name}"
            without = logs[logs["collection"] != "MNIST"]
            for over, used in ((ALL, logs), ("without MNIST", without)):
                slope = fit(used, "y", ["x", "log_n_over_pool_id"])[0]
                rows.append(row("4", text, over, slope, +1))
            as_it_is = pearson(each, "released", "loss_penalty")
            rows.append(
                row("4", f"r of penalty and K_F by the released rule, {name}", ALL, as_it_is, +1)
            )
    return rows


def representations(study: Study) -> list[dict]:
    """Question 5: ID of data less that of the representation, and the depth of the peak."""
    runs = primary(study.runs)
    # Both by TwoNN, of the same training set.
    data, learned = runs["data_id_as_representation"], runs["representation_id"]
    runs = runs.assign(gap=data - learned)
    points, rows = collection_means(runs, ["gap"]).points, []
    for over, used in parts(points):
        rows.append(row("5", GAP, over, fit(used, "gap")[0], +1))
    for name, each in ESTIMATORS.items():
        shown = runs.assign(gap=runs[f"data_{name}"] - runs[f"representation_{name}"])
        found = fit(collection_means(shown, ["gap"]).points, "gap")[0]
        rows.append(row("5", f"the same, by {each.short}", ALL, found, +1))
    for domain in DOMAINS:
        found = fit(points[points["domain"] == domain], "gap")[0]
        rows.append(row("5", f"the same, {domain}", ALL, found, +1))
    for name, each in ESTIMATORS.items():
        shown = runs.assign(ratio=runs[f"representation_{name}"] / runs[f"data_{name}"])
        found = fit(collection_means(shown, ["ratio"]).points, "ratio", null=1.0)[0]
        text = f"ratio of the two, representation / data, {each.short} (1: equal)"
        rows.append(row("5", text, ALL, found, -1, null=1.0))
    if study.layers is None or study.layers.empty:
        return rows
    layers = primary(representation_layers(study)).query("is_peak")
    points = collection_means(layers, ["depth"]).points
    for over, used in parts(points):
        depths = [fit(used[used["domain"] == domain], "depth")[0] for domain in DOMAINS]
        rows.append(row("5", PEAK, over, difference(*depths), -1))
    return rows
