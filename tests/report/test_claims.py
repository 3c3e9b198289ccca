"""Claims: laws that hold are seen, laws that do not are not, and few collections say so."""

import numpy as np
import pandas as pd
import pytest

from idsharp.report.tables.claims import CLAIMS, _verdict, claims
from idsharp.report.tables.evidence import ALIKE
from idsharp.report.tables.losses import gap_explained
from tests.report.synthetic import Law, Records, build, described, paper_like, study_of

NEEDED = (
    "domain_gap", "accuracy_vs_id", "slope_contrasts", "generalization_law",
    "loss_penalty_vs_sharpness", "representation_vs_data",
)  # fmt: skip
NOISE = {"collection_sd": 0.02, "task_sd": 0.02, "run_sd": 0.02, "ratio_sd": 0.02}


@pytest.fixture
def claims_of(tmp_path, published):
    """The claims of a made-up study."""

    def judge(tasks, law, **options):
        options = {"models": ("resnet18", "vgg13"), "sizes": (500, 1000)} | options
        records = Records(tmp_path, tasks, law=law, image_size=224, **options)
        study = study_of(published, records)
        return claims(study, dict(zip(NEEDED, build(study, *NEEDED), strict=True)))

    return judge


def test_laws_that_hold_are_found_with_their_coefficients(claims_of):
    found = claims_of(paper_like(), Law(**NOISE))
    primary = found[found["is_primary"]].set_index(["claim", "domain"])
    for claim in ("C2", "C3", "C5", "C7", "C8"):
        assert (primary.loc[claim, "verdict"] == "as in the papers").all(), claim
    truth = {("C2", "radiology"): -0.02, ("C2", "natural"): -0.005, ("C3", "all"): 0.015}
    truth |= {("C5", "all"): -1.0, ("C8", "all"): 0.6}
    for name, value in truth.items():
        assert primary.loc[name, "low"] - 1e-9 <= value <= primary.loc[name, "high"] + 1e-9, name
    assert len(primary) == 9 and set(found["claim"]) == set(CLAIMS)
    # The other estimators, rules and losses are there, and not among the eight tests.
    assert set(found.loc[found["claim"] == "C1", "id_estimator"]) == {
        "id_mle_k1", "id_mle_k2", "id_twonn_10pct", "id_twonn_largest",
    }  # fmt: skip
    assert set(found.loc[found["claim"] == "C7", "rule"]) == {"definition", "released"}
    assert found.loc[~found["is_primary"], "p_holm"].isna().all()
    tested = primary.dropna(subset=["p"])
    assert (tested["p_holm"] >= tested["p"]).all()
    assert primary.loc["C2", "p_holm"].nunique() == 1
    text = primary.loc[("C3", "all"), "sentence"]
    assert text.startswith("Accuracy falls more steeply in radiology: as in the papers. Difference")
    assert "; 11 collections); leaving out one gives" in text


def test_laws_the_other_way_round_are_against_the_papers(claims_of):
    slopes = {"natural": 0.02, "radiology": 0.005}
    law = Law(slopes=slopes, size=1.0, sharpness_penalty=-1.0, ratio=1.4, **NOISE)
    found = claims_of(paper_like(), law)
    primary = found[found["is_primary"]].set_index(["claim", "domain"])
    for claim in ("C2", "C5", "C7", "C8"):
        assert (primary.loc[claim, "verdict"] == "against the papers").all(), claim


def test_three_collections_tell_nothing_and_say_so(claims_of):
    tasks = {name: described(name, "natural") for name in ("digits", "photos")}
    tasks["brain"] = described("brain", "radiology")
    found = claims_of(tasks, Law(run_sd=0.1), models=("resnet18",))
    primary = found[found["is_primary"] & (found["claim"] != "C8")]
    assert (primary["verdict"] == "not measured").all()
    assert primary["why"].str.contains("needed").all()
    assert primary[["estimate", "low", "high", "p", "p_holm"]].isna().all(axis=None)
    lines = primary.set_index(["claim", "domain"])["sentence"]
    assert lines["C5", "all"] == (
        "The test loss follows −(ln N)/d: not measured (3 collections, 5 are needed, 2 of each "
        "domain)."
    )
    assert lines["C2", "natural"] == (
        "In natural images, accuracy falls as intrinsic dimension rises: not measured "
        "(2 collections, 3 are needed)."
    )


@pytest.mark.parametrize(
    ("claim", "low", "high", "verdict"),
    [
        ("C1", -9.0, -1.0, "as in the papers"),
        ("C1", 1.0, 9.0, "against the papers"),
        ("C1", -1.0, 9.0, "cannot tell"),
        ("C8", 0.4, 0.9, "as in the papers"),
        ("C8", 0.4, 1.1, "cannot tell"),
        ("C8", 1.1, 1.2, "against the papers"),
        ("C4", -0.2, 0.24, "as in the papers"),
        ("C4", -0.2, 0.3, "cannot tell"),
        ("C4", 0.3, 0.5, "against the papers"),
    ],
)
def test_the_verdict_is_that_of_the_interval(claim, low, high, verdict):
    found = {"reason": None, "low": low, "high": high}
    assert _verdict(CLAIMS[claim], found)[0] == verdict


def test_alike_slopes_are_judged_by_the_worst_of_them(claims_of):
    alike = claims_of(paper_like(), Law(run_sd=0.001)).set_index("claim").loc["C4"]
    assert alike["verdict"] == "as in the papers"
    assert -ALIKE < alike["low"] < alike["high"] < ALIKE
    assert alike["p"] < 0.05


def test_what_label_sharpness_explains_is_the_difference_of_two_regressions():
    rng = np.random.default_rng(0)
    n = 12
    domain = np.repeat([0.0, 1.0], n // 2)
    log_k = rng.normal(0, 0.3, n) + 0.8 * domain
    x = rng.normal(0.5, 0.1, n)
    y = -x + 1.5 * log_k + rng.normal(0, 0.1, n)
    names = {"collection": [f"c{i}" for i in range(n)], "n_runs": 1}
    terms = {"log_loss": y, "x": x, "log_sharpness": log_k, "is_radiology": domain}
    found = gap_explained(pd.DataFrame(names | terms), "x")
    design = np.column_stack([np.ones(n), x, domain])
    short = np.linalg.lstsq(design, y, rcond=None)[0][2]
    long = np.linalg.lstsq(np.column_stack([design, log_k]), y, rcond=None)[0][2]
    assert found["gap"] == pytest.approx(short)
    assert found["estimate"] == pytest.approx(short - long)
    assert found["share_explained"] == pytest.approx(1 - long / short)
    # Given the terms, the truth is the slope of 1.5 times the gap in ln K_F.
    delta = np.linalg.lstsq(design, log_k, rcond=None)[0][2]
    assert found["low"] < 1.5 * delta < found["high"]
