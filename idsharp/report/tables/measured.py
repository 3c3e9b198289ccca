"""The tables of what was measured: datasets, properties, runs and attacks."""

import pandas as pd

from idsharp.properties.estimators import ESTIMATORS
from idsharp.report.tables.records import COSTS, RECIPE, RUN_KEYS
from idsharp.report.tables.study import Study


def datasets(study: Study) -> pd.DataFrame:
    """One row per task: what its pool holds, and what was measured of it."""
    return study.datasets


def properties(study: Study) -> pd.DataFrame:
    """One row for the pool and each training set of each task."""
    return study.properties


def runs(study: Study) -> pd.DataFrame:
    """One row per trained network; of the estimators the study's own alone.

    What it cost is in `timings`, so that this table is the same whenever the study is repeated.
    """
    every = {
        f"{of}_{name}"
        for of in ("pool", "dataset", "data", "representation")
        for name in ESTIMATORS
    }
    every |= {f"{of}_{name}_se" for of in ("pool", "dataset") for name in ESTIMATORS}
    hidden = [name for name in study.runs if name in every or name.startswith("sharpness_")]
    return study.runs.drop(columns=[*hidden, *RECIPE, *COSTS])


def timings(study: Study) -> pd.DataFrame:
    """One row per trained network: what its training cost."""
    return study.runs[[*RUN_KEYS, "status", *COSTS]]


def attacks(study: Study) -> pd.DataFrame:
    """One row for each network, attack and ε."""
    return study.attacks
