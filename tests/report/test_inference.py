"""Inference from collections: known answers, the papers' own points, honest gaps."""

import pandas as pd
import pytest

from idsharp.report.correlation import correlation
from idsharp.report.inference import difference, fit


def points(**columns):
    n = len(next(iter(columns.values())))
    names = {"collection": [f"c{i}" for i in range(n)], "n_runs": 1}
    return pd.DataFrame(names | columns)


@pytest.fixture
def published(root):
    """Fig. 4 of Konz et al. 2022, digitized, with the IDs of its fig. 3."""
    table = pd.read_csv(root / "resources" / "published.csv")
    table = table[table["source"] == "miccai2022"]
    ids = table[table["quantity"] == "intrinsic_dimension"].set_index("dataset")["value"]
    rows = table[table["quantity"] == "highest_test_accuracy"].copy()
    rows["id"] = rows["dataset"].map(ids)
    return rows.rename(columns={"dataset": "collection"}).assign(n_runs=1)


def test_the_papers_own_points_give_their_lines_and_welchs_difference(published):
    line = {d: fit(group, "value", ["id"])[0] for d, group in published.groupby("domain")}
    assert line["radiology"]["r_squared"] == pytest.approx(0.825, abs=5e-4)
    assert line["natural"]["r_squared"] == pytest.approx(0.981, abs=5e-4)
    for domain, slope, half in (("radiology", -0.0194, 0.0103), ("natural", -0.0075, 0.0032)):
        record = line[domain]
        assert record["estimate"] == pytest.approx(slope, abs=5e-5)
        assert record["high"] - record["estimate"] == pytest.approx(half, abs=5e-5)
    assert line["radiology"]["high_without_one"] == pytest.approx(-0.0136, abs=5e-5)
    assert line["radiology"]["decided_by"] == "prostate"
    steeper = difference(line["natural"], line["radiology"])
    found = steeper["estimate"], steeper["low"], steeper["high"]
    assert found == pytest.approx((0.0119, 0.0017, 0.0222), abs=5e-5)
    assert steeper["decided_by"] == "prostate"


def test_the_papers_own_points_give_exact_permutation_p(published):
    for domain, p in (("radiology", 40 / 5040), ("natural", 1 / 24)):
        group = published[published["domain"] == domain]
        assert correlation(group, "id", "value")["permutation_p"] == pytest.approx(p)
