"""The check of the papers' printed values: its rules are the library's, its intervals are right."""

import importlib.util
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from idsharp.common.resources import published_values
from idsharp.properties.dimension import mle
from idsharp.properties.neighbors.search import nearest_neighbors
from idsharp.properties.released import sharpness_by_released_rule
from idsharp.properties.sharpness import sharpness_of_draws
from tests.conftest import ROOT

FOLDER = ROOT / "benchmarks" / "published"


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"published_{name}", FOLDER / f"{name}.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture(scope="module")
def measure():
    return module("measure")


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (60, 3, 8, 8), dtype=np.uint8)


def test_values_from_distances_are_those_of_the_library(measure, images, monkeypatch):
    monkeypatch.setattr(measure, "OF_A_CLASS", 30)
    distances, labels = measure.distances_of(images), np.repeat([0, 1], 30)
    flat = images.reshape(60, -1).astype(float)
    assert distances == pytest.approx(np.linalg.norm(flat[:, None] - flat[None], axis=2))
    neighbors = nearest_neighbors(images, 20)
    for name, form in (("id_mle_k1", "k-1"), ("id_mle_k2", "k-2")):
        expected = mle(neighbors.distances, 20, form).value
        assert measure.dimensions(distances)[name] == pytest.approx(expected)
    for rule, same in (("released", True), ("first_version", False)):
        rngs = np.random.default_rng(7), np.random.default_rng(7)
        expected = sharpness_by_released_rule(images, labels, 60, 1, rngs[0], same)
        assert measure.RULES[rule](distances, labels, rngs[1]) == pytest.approx(expected[0])
    found = measure.by_definition(distances, labels, np.random.default_rng(0))
    rng = np.random.default_rng(0)
    assert found == pytest.approx(sharpness_of_draws(images, labels, 60, 1, rng)[0])


def test_a_training_set_is_the_first_images_of_each_class(measure, images, monkeypatch):
    monkeypatch.setattr(measure, "OF_A_CLASS", 30)
    distances = measure.distances_of(images)
    row = measure.measured(distances, 50, "x")
    chosen = np.r_[:25, 30:55]
    labels = np.repeat([0, 1], 25)
    expected = sharpness_of_draws(images[chosen], labels, 50, 1, np.random.default_rng(0))[0]
    assert row["definition"] == row["all_pairs"] == pytest.approx(expected)
    assert row["definition_sd"] is None
    assert row["released_sd"] > 0


def test_means_of_five_pairs_spread_as_five_of_forty_five_do():
    summary = module("summary")
    values = np.repeat(np.arange(45.0)[:, None], 2, axis=1)
    means = summary.means_of_five(values, np.random.default_rng(0))
    assert means.mean() == pytest.approx(22, abs=0.1)
    # Without replacement.
    expected = np.sqrt(np.arange(45).var(ddof=1) / 5 * (1 - 5 / 45))
    assert means.std() == pytest.approx(expected, rel=0.02)


def test_what_is_committed_is_whole_and_says_what_the_page_says():
    pairs = pd.read_csv(FOLDER / "pairs.csv")
    assert pairs.groupby(["dataset", "channels"]).size().tolist() == [45 * 2 * 6] * 3
    assert (pairs["all_pairs"] >= pairs["definition"] * (1 - 1e-9)).all()
    summary = pd.read_csv(FOLDER / "summary.csv").set_index(["set", "quantity"])
    printed = {row["value"] for row in published_values()}
    assert {f"{value:g}" for value in summary["printed"]} <= {f"{float(v):g}" for v in printed}
    color = pairs.query("dataset == 'cifar10' and channels == 3")["released"].mean()
    found = summary.loc[("CIFAR-10", "released code, 107847b"), "mean"]
    assert found == pytest.approx(color)
