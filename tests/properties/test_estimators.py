"""The registry of estimators: whatever names an estimator takes the name from there."""

import subprocess
import sys

import numpy as np
import yaml

from idsharp.properties.estimators import (
    ESTIMATORS,
    ONE_OF_EACH_FAMILY,
    PUBLISHED,
    neighbors_needed,
    of_another_family,
)
from idsharp.properties.neighbors.search import nearest_neighbors
from idsharp.report.columns import COLUMNS
from idsharp.study.check import SCHEMA


def test_names_headings_and_legends_differ():
    for words in ("heading", "short", "meaning"):
        assert len({getattr(each, words) for each in ESTIMATORS.values()}) == len(ESTIMATORS)
    chosen = {(each.family, *each.options.items()) for each in ESTIMATORS.values()}
    assert len(chosen) == len(ESTIMATORS)


def test_each_estimator_uses_as_many_neighbors_as_it_says():
    rng = np.random.default_rng(0)
    points, k = rng.normal(size=(200, 3)), 7
    found = nearest_neighbors(points, neighbors_needed(k, len(points)))
    for estimator in ESTIMATORS.values():
        used = estimator.neighbors(k)
        whole = estimator.estimate(found.distances, k, found.indices)
        enough = estimator.estimate(found.distances[:, : 2 * used], k, found.indices[:, : 2 * used])
        assert whole == enough
        assert 2 < estimator.estimate(found.distances[:, :used], k, None).value < 4


def test_the_schema_of_the_config_lists_every_estimator():
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    found = [each for each in _enums(schema) if set(each) & set(ESTIMATORS)]
    assert found
    assert all(each == list(ESTIMATORS) for each in found)


def _enums(schema):
    if isinstance(schema, dict):
        if isinstance(schema.get("enum"), list):
            yield schema["enum"]
        schema = list(schema.values())
    if isinstance(schema, list):
        for each in schema:
            yield from _enums(each)


def test_every_estimator_is_a_column_of_images_and_representations():
    for name, estimator in ESTIMATORS.items():
        for column in (name, f"representation_{name}"):
            assert estimator.heading in COLUMNS[column].heading
            assert estimator.meaning in COLUMNS[column].meaning


def test_an_estimator_beside_another_rests_on_another_principle():
    assert PUBLISHED in ESTIMATORS
    assert ONE_OF_EACH_FAMILY == ("id_mle_k1", "id_twonn_10pct")
    for name, estimator in ESTIMATORS.items():
        assert ESTIMATORS[of_another_family(name)].family != estimator.family


def test_reading_the_names_imports_neither_torch_nor_scipy():
    code = "import sys, idsharp.properties.estimators; print({'torch', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
