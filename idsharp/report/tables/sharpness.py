"""K_F of every pool at one number of images, so that tasks compare.

K_F is a maximum over pairs and grows with their number: values at different M do not belong in one
fit.
"""

import re

import numpy as np
import pandas as pd

#: Which pairs K_F is taken from: the closest of different classes (the definition), or, as the
#: papers' released code does, the closest of the same class among 2000 random pairs.
RULES = ("definition", "released")

_AT = re.compile(r"label_sharpness_at_(\d+)")


def common_sharpness(pools: pd.DataFrame) -> pd.DataFrame:
    """K_F of each task's pool by both rules, indexed by task.

    At the largest M that all pools have; where the records hold no such M, at the largest of all,
    and pools with fewer images have none.

    Args:
        pools: one row per task, as the table of datasets.

    Returns:
        `sharpness_<rule>` and its `_sd` over draws in grey, `sharpness_<rule>_own` with the
        channels that the images have (both in 1/intensity), and `pool_sharpness_m`.
    """
    table = pd.DataFrame({"task": pools["task"]})
    name, usable, m = _largest_common(pools)
    released = pools["label_sharpness_released_m"]
    columns = {
        "definition": (name, usable),
        "released": ("label_sharpness_released", released == released.max()),
    }
    table["pool_sharpness_m"] = m
    for rule, (column, is_used) in columns.items():
        table[f"sharpness_{rule}"] = pools[column].astype(float).where(is_used)
        table[f"sharpness_{rule}_sd"] = pools[f"{column}_sd"].astype(float).where(is_used)
        own = _in_intensity(pools[f"{column}_resolution_free"], pools)
        table[f"sharpness_{rule}_own"] = own.where(is_used)
    return table.set_index("task")


def _largest_common(pools: pd.DataFrame) -> tuple[str, pd.Series, int | None]:
    """The column of K_F at the largest common M, which pools have it, and M."""
    measured = pools["label_sharpness_all"].notna()
    largest = pools.loc[measured, "label_sharpness_m"].max()
    name, usable = "label_sharpness", pools["label_sharpness_m"] == largest
    if not usable[measured].all():
        smaller = {int(found[1]): found[0] for found in map(_AT.fullmatch, pools) if found}
        common = [m for m, column in smaller.items() if pools.loc[measured, column].notna().all()]
        if common:
            name, largest = smaller[max(common)], max(common)
            usable = measured
    return name, usable, None if pd.isna(largest) else int(largest)


def _in_intensity(resolution_free: pd.Series, pools: pd.DataFrame) -> pd.Series:
    """1/intensity at the images' own size and channels from K_F per root-mean-square change."""
    values = pools["channels"] * pools["image_size"] ** 2
    return resolution_free.astype(float) / (255 * np.sqrt(values.astype(float)))
