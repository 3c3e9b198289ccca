"""Fits as rows of tables: names, numbers, and what was left out."""

from collections.abc import Iterable, Sequence

import pandas as pd

from idsharp.report.inference import FIT, difference, fit
from idsharp.report.points import Means

#: All rows, then each domain's.
SCOPES = ("all", "natural", "radiology")
#: How a difference between domains is named in the column `domain`.
NATURAL_MINUS_RADIOLOGY = "natural − radiology"
RADIOLOGY_MINUS_NATURAL = "radiology − natural"
RADIOLOGY_OVER_NATURAL = "radiology / natural"


def fits(
    names: dict, means: Means, response: str, terms: Sequence[str] = (), null: float = 0.0
) -> list[dict]:
    """One row per term of a fit to the points."""
    about = _about(means, response)
    return [names | record | about for record in fit(means.points, response, terms, null)]


def domain_difference(names: dict, means: Means, response: str, terms: Sequence[str] = ()) -> dict:
    """Natural − radiology of the mean, or of the slope on the first term, by Welch's t."""
    natural, radiology = (
        fit(means.of(domain).points, response, terms)[0] for domain in ("natural", "radiology")
    )
    for domain, record in (("natural", natural), ("radiology", radiology)):
        if record.get("reason"):
            record["reason"] = f"{domain}: {record['reason']}"
    row = names | {"domain": NATURAL_MINUS_RADIOLOGY} | difference(natural, radiology)
    return row | _about(means, response)


def negative(row: dict) -> dict:
    """A row with its difference taken the other way round."""
    turned = {key: -row[key] for key in ("estimate",) if row.get(key) is not None}
    for low, high in (("low", "high"), ("low_without_one", "high_without_one")):
        if row.get(low) is not None:
            turned |= {low: -row[high], high: -row[low]}
    return row | turned


def _about(means: Means, response: str) -> dict:
    return {"seed_sd": means.seed_sd.get(response), "left_out": means.left_out or None}


def as_table(rows: Iterable[dict], names: Sequence[str], extra: Sequence[str] = ()) -> pd.DataFrame:
    """Rows as a table whose columns do not depend on what could be fitted."""
    columns = [*names, *FIT, *extra, "seed_sd", "left_out", "reason"]
    return pd.DataFrame(list(rows), columns=columns)
