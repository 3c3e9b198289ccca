"""Studies that share their tasks, as one."""

from dataclasses import replace

import pandas as pd
import pytest

from idsharp.report.tables.build import build_tables
from idsharp.report.tables.study import combined


def part(study, query):
    """The networks of a study that a query selects."""
    tables = {name: getattr(study, name) for name in ("runs", "attacks", "layers")}
    return replace(study, **{name: rows.query(query) for name, rows in tables.items()})


def test_parts_of_a_study_make_the_whole(complete):
    study, tables = complete
    assert study.runs["seed"].nunique() == study.runs["model"].nunique() == 2
    parts = ["model == 'vgg13'", "model == 'resnet18' and seed == 1"]
    parts += ["model == 'resnet18' and seed == 0"]
    made = build_tables(combined([part(study, query) for query in parts]))
    for name, table in tables.items():
        pd.testing.assert_frame_equal(made[name], table, obj=name)


def test_other_attacks_on_the_same_networks_are_added(complete):
    study, _ = complete
    other = replace(study, attacks=study.attacks.assign(attack="pgd"), layers=None)
    both = combined([study, other])
    assert len(both.runs) == len(study.runs) and len(both.layers) == len(study.layers)
    assert both.attacks["attack"].value_counts().to_dict() == {
        name: len(study.attacks) for name in ("fgsm", "pgd")
    }


def test_of_what_two_studies_hold_the_first_counts(complete):
    study, _ = complete
    again = replace(study, runs=study.runs.assign(test_loss=0.0))
    pd.testing.assert_frame_equal(combined([study, again]).runs, study.runs)


def test_studies_that_measured_otherwise_are_refused(complete):
    study, _ = complete
    moved, rounded = study.datasets.copy(), study.datasets.copy()
    moved.loc[moved["task"] == "task3", "id_mle_k1"] *= 1.001
    rounded["id_mle_k1"] *= 1 + 1e-6
    assert len(combined([study, replace(study, datasets=rounded)]).datasets) == len(moved)
    with pytest.raises(ValueError, match="other images of task3"):
        combined([study, replace(study, datasets=moved)])
    with pytest.raises(ValueError, match="estimators"):
        combined([study, replace(study, id_estimator="id_mle_k2")])
