"""Every published number beside ours, with a verdict where the two can be compared."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from idsharp.report.tables.ours import NOT_COMPARABLE, Ours, ours
from idsharp.report.tables.study import Study
from idsharp.report.wording import number

AGREES, DIFFERS, CANNOT_TELL = "agrees", "differs", "cannot tell"
NOT_IN_CONFLICT = "not in conflict"

#: Share of the published value within which ours agrees, or, for accuracies, the distance.
_SHARES = {"intrinsic_dimension": 0.10, "label_sharpness": 0.10}
_DISTANCES = {"highest_test_accuracy": 0.03}
#: Standard deviation of what rounding to an integer takes away.
_ROUNDING = 1 / np.sqrt(12)
_Z = 1.959964
#: Collections behind the published correlations and R².
_N_PUBLISHED = {"radiology": 7, "natural": 4, "all": 11}

_COLUMNS = [
    "source", "figure", "quantity", "dataset", "domain", "task", "variant", "published",
    "published_low", "published_high", "ours", "low", "high", "difference", "difference_low",
    "difference_high", "scale", "tolerance", "verdict", "why",
]  # fmt: skip


def comparison(study: Study, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """A row for each published number; two where ours has two variants.

    The verdict is from the 95 % interval of the difference: inside the tolerance "agrees", outside
    "differs", across "cannot tell". Correlations are compared by Fisher's z and have no tolerance:
    where the interval holds 0 they are "not in conflict".
    """
    rows = []
    for _, one in study.published.iterrows():
        one = one.where(one.notna(), None)
        for found in ours(study, tables, one):
            rows.append(_row(one, found))
    return pd.DataFrame(rows, columns=_COLUMNS)


def _row(one: pd.Series, found: Ours) -> dict:
    names = {name: one[name] for name in ("source", "figure", "quantity", "dataset", "domain")}
    names |= {
        "task": found.tasks or None,
        "variant": found.variant or None,
        "published": one["value"],
        "ours": found.value,
    }
    judge = _correlation if is_correlation(one["quantity"]) else _value
    return names | judge(one, found)


def is_correlation(quantity: str) -> bool:
    return quantity.startswith(("r2_", "pearson_r"))


def _value(one: pd.Series, found: Ours) -> dict:
    published, allowed = one["value"], tolerance(one)
    error = float(one["reading_error"]) or (_ROUNDING if one["figure"] == "fig3" else 0.0)
    row = {
        "published_low": published - _Z * error, "published_high": published + _Z * error,
        "scale": "value", "tolerance": allowed,
    }  # fmt: skip
    if found.value is None:
        return row | {"verdict": NOT_COMPARABLE, "why": found.why}
    low, high = found.low, found.high
    if low is None or high is None:
        low, high = found.value - _Z * found.error, found.value + _Z * found.error
    # Half-widths of ours on either side, and of what was published, add in quadrature.
    lower = np.hypot(found.value - low, _Z * np.hypot(error, found.published_error))
    upper = np.hypot(high - found.value, _Z * np.hypot(error, found.published_error))
    difference = found.value - published
    row |= {"low": low, "high": high, "difference": difference}
    row |= {"difference_low": difference - lower, "difference_high": difference + upper}
    if found.why:
        return row | {"verdict": NOT_COMPARABLE, "why": found.why}
    return row | judged(row["difference_low"], row["difference_high"], allowed)


def tolerance(one: pd.Series) -> float:
    """How far from a published value ours still agrees."""
    quantity = one["quantity"]
    if quantity in _DISTANCES:
        return _DISTANCES[quantity]
    return float(_SHARES[quantity] * one["value"])


def judged(low: float, high: float, allowed: float) -> dict:
    """The verdict, and why, from the interval of a difference and its tolerance."""
    about = f"difference {number(low)} to {number(high)}, tolerance ±{number(allowed)}"
    if -allowed <= low and high <= allowed:
        return {"verdict": AGREES, "why": about}
    if low > allowed or high < -allowed:
        return {"verdict": DIFFERS, "why": about}
    return {"verdict": CANNOT_TELL, "why": about}


def _correlation(one: pd.Series, found: Ours) -> dict:
    """By Fisher's z; R² with the sign of the slope, which in the papers falls."""
    squared = one["quantity"].startswith("r2_")
    n = _N_PUBLISHED[one["domain"]]
    sign = -1 if one["figure"] == "fig4" and squared else 1
    r = sign * np.sqrt(one["value"]) if squared else one["value"]
    z, error = np.arctanh(r), 1 / np.sqrt(n - 3)
    low, high = _ends(z, error, squared, sign)
    row = {"published_low": low, "published_high": high, "scale": "Fisher's z"}
    if found.value is None or found.n is None or found.n < 4:
        few = None if found.n is None else f"{found.n:.0f} collections: no interval"
        return row | {"verdict": NOT_COMPARABLE, "why": found.why or few}
    own = found.sign * np.sqrt(found.value) if squared else found.value
    own_z, own_error = np.arctanh(np.clip(own, -1 + 1e-12, 1 - 1e-12)), 1 / np.sqrt(found.n - 3)
    low, high = _ends(own_z, own_error, squared, found.sign)
    half, difference = _Z * np.hypot(error, own_error), float(own_z - z)
    row |= {"low": low, "high": high, "difference": difference}
    row |= {"difference_low": difference - half, "difference_high": difference + half}
    if found.why:
        return row | {"verdict": NOT_COMPARABLE, "why": found.why}
    holds = difference - half <= 0 <= difference + half
    what = "holds" if holds else "excludes"
    why = f"difference of Fisher's z {number(difference)}, whose interval {what} 0"
    return row | {"verdict": NOT_IN_CONFLICT if holds else DIFFERS, "why": why}


def _ends(z: float, error: float, squared: bool, sign: int) -> tuple[float, float]:
    """95 % interval of r, or of R² by that of |r|."""
    if not squared:
        return float(np.tanh(z - _Z * error)), float(np.tanh(z + _Z * error))
    low, high = (np.tanh(sign * z + side * _Z * error) for side in (-1, 1))
    return float(max(low, 0) ** 2), float(high**2)


def ranks(comparison: pd.DataFrame) -> pd.DataFrame:
    """Spearman's ρ of ours against theirs over the datasets that are comparable."""
    return pd.DataFrame(
        list(_ranks(comparison)),
        columns=[
            "source",
            "figure",
            "quantity",
            "variant",
            "n",
            "spearman_rho",
            "datasets",
            "reason",
        ],
    )


def _ranks(comparison: pd.DataFrame) -> Iterator[dict]:
    values = comparison[~comparison["quantity"].map(is_correlation)]
    keys = ["source", "figure", "quantity", "variant"]
    for names, group in values.groupby(keys, sort=False, dropna=False):
        group = group[group["verdict"] != NOT_COMPARABLE]
        row = dict(zip(keys, names, strict=True)) | {"n": len(group)}
        if len(group) < 3:
            yield row | {"reason": f"{len(group)} comparable datasets, 3 are needed"}
            continue
        rho = float(spearmanr(group["published"], group["ours"]).statistic)
        yield row | {"spearman_rho": rho, "datasets": ", ".join(group["dataset"])}
