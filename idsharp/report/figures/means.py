"""Points of the figures that show more than one per collection: one for each N, or model and N."""

from collections.abc import Sequence

import pandas as pd

from idsharp.report.points import collection_means


def by_cell(runs: pd.DataFrame, keys: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
    """Means of columns over all runs of a collection that agree in `keys`, with equal weights.

    Args:
        runs: the table of this name.
        keys: of model and n_train; the rest is averaged over, seeds and tasks included.

    Returns:
        One row per collection and cell: `keys`, collection, domain, and `columns`.
    """
    parts = [
        collection_means(group, columns).points.assign(**dict(zip(keys, cell, strict=True)))
        for cell, group in runs.groupby(list(keys), sort=False)
    ]
    names = [*keys, "collection", "domain", *columns]
    if not parts:
        return pd.DataFrame(columns=names)
    return pd.concat(parts, ignore_index=True)[names].sort_values([*keys, "collection"])


def networks_of_sizes(runs: pd.DataFrame, columns: Sequence[str]) -> dict[int, list[str]]:
    """The networks over which `by_cell` averages at each N."""
    return {
        n: collection_means(group, columns).cells["model"].unique().tolist()
        for n, group in runs.groupby("n_train")
    }
