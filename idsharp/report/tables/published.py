"""What the papers' own numbers give, by the same fits as ours."""

import numpy as np
import pandas as pd

from idsharp.report.correlation import CORRELATION, correlation
from idsharp.report.points import Means
from idsharp.report.tables.domains import ratio
from idsharp.report.tables.rows import (
    RADIOLOGY_MINUS_NATURAL,
    SCOPES,
    as_table,
    domain_difference,
    fits,
    negative,
)

#: Datasets whose published K_F is that of three channels.
_COLOR = ("cifar10", "svhn", "imagenet")


def values(published: pd.DataFrame, source: str, quantity: str) -> pd.Series:
    """Published values of one quantity by dataset."""
    rows = published[(published["source"] == source) & (published["quantity"] == quantity)]
    return rows.dropna(subset=["dataset"]).set_index("dataset")["value"]


def published_fits(published: pd.DataFrame) -> pd.DataFrame:
    """The gap between domains, accuracy against ID, and what explains accuracy, as published.

    Accuracies stand against the IDs of the same paper, which for natural images are those of whole
    datasets (`id_of` dataset), and against the other paper's, of two classes (`id_of` task).
    """
    rows = []
    for source, figure in (("miccai2022", "fig3"), ("iclr2024", "fig1")):
        names = {"source": source, "figure": figure, "quantity": "intrinsic_dimension"}
        rows += _gap(names, _points(published, id=values(published, source, names["quantity"])))
    rows += _sharpness(published)
    accuracy = values(published, "miccai2022", "highest_test_accuracy")
    sharpness = np.log(values(published, "iclr2024", "label_sharpness"))
    for id_of, source in (("dataset", "miccai2022"), ("task", "iclr2024")):
        ids = values(published, source, "intrinsic_dimension")
        means = _points(published, id=ids, accuracy=accuracy, log_sharpness=sharpness)
        names = {"source": "miccai2022", "figure": "fig4", "id_of": id_of}
        rows += _lines(names | {"quantity": "accuracy_vs_id"}, means)
    columns = ["source", "figure", "quantity", "kind", "domain", "id_of"]
    return as_table(rows, columns, [*CORRELATION, "aicc", "rmse_left_out"])


def _points(published: pd.DataFrame, **columns: pd.Series) -> Means:
    """One point per dataset that has all of these values."""
    domains = published.dropna(subset=["dataset"]).drop_duplicates("dataset")
    table = domains.set_index("dataset")["domain"].to_frame().assign(**columns).dropna()
    points = table.rename_axis("collection").reset_index().assign(n_runs=1, n_tasks=1)
    points["is_radiology"] = (points["domain"] == "radiology").astype(float)
    return Means(points, points, {}, "")


def _gap(names: dict, means: Means) -> list[dict]:
    names = names | {"kind": "mean"}
    rows = [
        row
        for domain in SCOPES[1:]
        for row in fits(names | {"domain": domain}, means.of(domain), "id")
    ]
    gap = negative(domain_difference(names | {"kind": "difference"}, means, "id"))
    return [*rows, gap | {"domain": RADIOLOGY_MINUS_NATURAL}]


def _sharpness(published: pd.DataFrame) -> list[dict]:
    """ln K_F by domain and the ratio of K_F: as printed, and at most so much in one channel.

    Three channels make distances larger, and K_F smaller, by up to √3.
    """
    sharpness = np.log(values(published, "iclr2024", "label_sharpness"))
    grey = sharpness + np.log(np.sqrt(3)) * sharpness.index.isin(_COLOR)
    rows = []
    for quantity, column in (("as printed", sharpness), ("natural images × √3", grey)):
        names = {"source": "iclr2024", "figure": "fig1"}
        names["quantity"] = f"log_label_sharpness, {quantity}"
        rows += _gap(names, _points(published, id=column))
        rows.append(ratio(rows[-1]) | {"kind": "ratio"})
    return rows


def _lines(names: dict, means: Means) -> list[dict]:
    """Accuracy on ID in each domain, their difference, and with another term over both."""
    rows = []
    for domain in SCOPES[1:]:
        part = means.of(domain)
        [row] = fits(names | {"kind": "mean", "domain": domain}, part, "accuracy", ["id"])
        rows.append(row | correlation(part.points, "id", "accuracy"))
    rows.append(domain_difference(names | {"kind": "difference"}, means, "accuracy", ["id"]))
    points = means.points
    points["id_in_radiology"] = points["id"] * points["is_radiology"]
    kinds = {
        "with K_F": ["id", "log_sharpness"],
        "with domain": ["id", "is_radiology"],
        "with a slope each": ["id", "is_radiology", "id_in_radiology"],
    }
    for kind, terms in kinds.items():
        rows += fits(names | {"kind": kind, "domain": "all"}, means, "accuracy", terms)
    return rows
