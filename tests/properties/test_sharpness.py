"""Label sharpness and the record of properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idsharp.common.duplicates import find_duplicates
from idsharp.properties.dimension import UndefinedEstimateError
from idsharp.properties.neighbors.search import nearest_neighbors
from idsharp.properties.record import properties_record, unmeasured_record
from idsharp.properties.released import sharpness_by_released_rule
from idsharp.properties.sharpness import resolution_free, sharpness_of_all_pairs, sharpness_of_draws
from idsharp.tasks.images import to_grey


def by_definition(images, labels):
    """K_F = max |y_j − y_k| / ‖x_j − x_k‖ over all pairs, 1[y_j ≠ y_k] for several classes."""
    flat = images.reshape(len(images), -1).astype(float)
    return max(
        float(labels[j] != labels[k]) / np.linalg.norm(flat[j] - flat[k])
        for j in range(len(flat))
        for k in range(len(flat))
        if j != k and np.any(flat[j] != flat[k])
    )


def record(images, labels, m=1000, draws=5):
    rng = np.random.default_rng(0)
    return properties_record(images, labels, k=3, m=m, draws=draws, rng=rng)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(4, 25), classes=st.integers(2, 4), seed=st.integers(0, 2**32 - 1))
def test_equals_the_definition(n, classes, seed):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, 1, 3, 3), dtype=np.uint8)
    labels = np.arange(n) % classes
    sharpest = sharpness_of_all_pairs(nearest_neighbors(images, 0, labels))
    assert sharpest.value == pytest.approx(by_definition(images, labels), rel=1e-12)
    assert labels[sharpest.first] != labels[sharpest.second]


def test_it_is_the_closest_pair_of_different_classes_not_of_the_same():
    # Two images of class 0 are at distance 1, the classes at distance 10.
    images = np.array([[0], [1], [11], [40]], dtype=np.uint8).reshape(4, 1, 1, 1)
    labels = np.array([0, 0, 1, 1])
    assert sharpness_of_all_pairs(nearest_neighbors(images, 0, labels)).value == 0.1


def test_draws_use_all_pairs_of_a_draw():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 1, 4, 4), dtype=np.uint8)
    labels = np.arange(60) % 2
    values = sharpness_of_draws(images, labels, 30, 8, np.random.default_rng(7))
    again = np.random.default_rng(7)
    for value in values:
        drawn = again.choice(60, size=30, replace=False)
        assert value == pytest.approx(by_definition(images[drawn], labels[drawn]), rel=1e-12)
    everything = sharpness_of_draws(images, labels, 60, 1, rng)
    assert everything[0] == pytest.approx(by_definition(images, labels))
    assert values.max() <= everything[0]


def test_resolution_free_does_not_depend_on_resolution_or_channels():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (12, 1, 8, 8), dtype=np.uint8)
    larger = images.repeat(2, axis=2).repeat(2, axis=3).repeat(3, axis=1)
    labels = np.arange(12) % 2
    small, large = record(images, labels), record(larger, labels)
    assert large["label_sharpness"] < 0.5 * small["label_sharpness"]
    assert large["label_sharpness_resolution_free"] == pytest.approx(
        small["label_sharpness_resolution_free"]
    )
    # A change of the whole image by the whole range has a sharpness of 1.
    assert resolution_free(1 / (255 * np.sqrt(64)), (1, 8, 8)) == pytest.approx(1)


def test_small_sets_use_all_their_images_and_say_so():
    images = np.random.default_rng(0).integers(0, 256, (30, 1, 4, 4), dtype=np.uint8)
    measured = record(images, np.arange(30) % 2)
    assert measured["label_sharpness_m"] == 30
    assert measured["label_sharpness_draws"] == 1
    assert measured["label_sharpness"] == measured["label_sharpness_all"]
    assert measured["label_sharpness_sd"] is None


def test_the_released_rule_stands_beside_the_definition():
    images = np.random.default_rng(0).integers(0, 256, (60, 3, 4, 4), dtype=np.uint8)
    labels = np.arange(60) % 2
    measured = record(images, labels, m=40, draws=9)
    assert measured["label_sharpness_released_m"] == 40
    assert measured["label_sharpness_released_pairs"] == 40
    assert measured["label_sharpness_released_draws"] == 9
    # In grey, where a pair differs by less than in color.
    rng = np.random.default_rng(1)
    grey = sharpness_by_released_rule(to_grey(images), labels, 40, 400, rng)
    error = grey.std() / 3
    assert abs(measured["label_sharpness_released"] - grey.mean()) < 4 * error
    color = sharpness_by_released_rule(images, labels, 40, 400, rng) * 255 * np.sqrt(48)
    free = measured["label_sharpness_released_resolution_free"]
    assert abs(free - color.mean()) < 4 * color.std() / 3
    assert measured["label_sharpness_released_sd"] > 0
    # Few images leave no draw without them, but the pairs are random still.
    few = record(images, labels, m=100, draws=9)
    assert few["label_sharpness_sd"] is None
    assert few["label_sharpness_released_sd"] > 0


def test_draws_of_the_definition_do_not_depend_on_the_released_rule(monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (60, 3, 4, 4), dtype=np.uint8)
    before = record(images, np.arange(60) % 2, m=40)
    monkeypatch.setattr("idsharp.properties.record._released", lambda *_: {})
    after = record(images, np.arange(60) % 2, m=40)
    assert after["label_sharpness"] == before["label_sharpness"]
    assert after.items() <= before.items()


def test_a_record_says_how_much_its_draws_share():
    images = np.random.default_rng(0).integers(0, 256, (50, 1, 4, 4), dtype=np.uint8)
    labels = np.arange(50) % 2
    measured = record(images, labels, m=30)
    assert (measured["label_sharpness_n"], measured["label_sharpness_m"]) == (50, 30)
    assert measured["label_sharpness_shared"] == 0.6
    assert record(images, labels, m=50)["label_sharpness_shared"] is None


def test_a_set_that_cannot_be_had_has_the_same_fields():
    images = np.random.default_rng(0).integers(0, 256, (50, 1, 4, 4), dtype=np.uint8)
    measured, reason = record(images, np.arange(50) % 2), "too few images"
    unmeasured = unmeasured_record(3, reason)
    assert unmeasured.pop("set_reason") == reason
    assert set(unmeasured) == set(measured)
    assert unmeasured.pop("k") == 3
    assert set(unmeasured.values()) == {None}


def test_duplicates_are_collapsed_for_the_dimension_and_counted():
    images = np.random.default_rng(0).integers(0, 256, (40, 1, 4, 4), dtype=np.uint8)
    labels = np.arange(40) % 2
    twice = np.concatenate([images, images[:6]])
    measured = record(twice, np.concatenate([labels, labels[:6]]))
    alone = record(images, labels)
    assert (measured["n_images"], measured["n_duplicates"]) == (46, 6)
    assert measured["n_label_conflicts"] == 0
    for name in ("id_mle_k1", "id_twonn_10pct", "label_sharpness_all"):
        assert measured[name] == alone[name]


def test_label_conflicts_are_counted_and_left_out_of_sharpness():
    images = np.random.default_rng(0).integers(0, 256, (40, 1, 4, 4), dtype=np.uint8)
    labels = np.arange(40) % 2
    twins = np.concatenate([images, images[:2]])
    measured = record(twins, np.concatenate([labels, 1 - labels[:2]]))
    assert measured["n_label_conflicts"] == 4
    assert measured["label_sharpness_all"] == record(images[2:], labels[2:])["label_sharpness_all"]
    assert measured["id_mle_k1"] == record(images, labels)["id_mle_k1"]


def test_what_is_undefined_is_null_with_its_reason():
    images = np.random.default_rng(0).integers(0, 256, (30, 1, 4, 4), dtype=np.uint8)
    one_class = record(images, np.zeros(30))
    assert one_class["label_sharpness"] is None
    assert "same label" in one_class["label_sharpness_reason"]
    assert one_class["id_mle_k1"] > 0
    identical = record(np.zeros((30, 1, 4, 4), np.uint8), np.zeros(30))
    assert identical["id_mle_k1"] is None
    assert identical["id_mle_k1_reason"]
    conflicting = record(np.zeros((30, 1, 4, 4), np.uint8), np.arange(30) % 2)
    assert conflicting["n_label_conflicts"] == 30
    assert "also occurs under another label" in conflicting["label_sharpness_reason"]


def test_sharpness_refuses_conflicts():
    images = np.zeros((4, 1, 2, 2), np.uint8)
    with pytest.raises(UndefinedEstimateError, match="identical"):
        sharpness_of_all_pairs(nearest_neighbors(images, 0, np.array([0, 1, 0, 1])))


def test_find_duplicates():
    images = np.array([[1, 2], [3, 4], [1, 2], [5, 6], [3, 4], [1, 2]], dtype=np.uint8)
    found = find_duplicates(images, np.array(["a", "a", "a", "b", "b", "a"]))
    assert found.group.tolist() == [0, 1, 0, 2, 1, 0]
    assert found.first.tolist() == [0, 1, 3]
    assert found.n_extra == 3
    assert found.conflicting.tolist() == [False, True, False, False, True, False]


def test_sharpness_at_fixed_smaller_m_lets_pools_of_any_size_compare():
    images = np.random.default_rng(0).integers(0, 256, (700, 3, 4, 4), dtype=np.uint8)
    labels = np.arange(700) % 2
    measured = record(images, labels, m=600, draws=9)
    at = [measured[f"label_sharpness_at_{m}"] for m in (100, 200, 500)]
    assert at == sorted(at) and at[-1] < measured["label_sharpness_all"]
    rng = np.random.default_rng(1)
    grey = sharpness_of_draws(to_grey(images), labels, 200, 200, rng)
    assert abs(at[1] - grey.mean()) < 4 * grey.std() / 3
    color = sharpness_of_draws(images, labels, 200, 200, rng) * 255 * np.sqrt(48)
    free = measured["label_sharpness_at_200_resolution_free"]
    assert abs(free - color.mean()) < 4 * color.std() / 3
    few = record(images[:150], labels[:150], m=600)
    assert "label_sharpness_at_100" in few and "label_sharpness_at_200" not in few
