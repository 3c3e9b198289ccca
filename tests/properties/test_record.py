"""The record of a labelled set names its sharpest pair, and fits on one line."""

import numpy as np

from idsharp.properties.record import in_words, properties_record, unmeasured_record


def test_the_sharpest_pair_is_named():
    images = np.array([[0], [1], [11], [40]], dtype=np.uint8).reshape(4, 1, 1, 1)
    options = {"labels": np.array([0, 0, 1, 1]), "k": 3, "m": 9, "draws": 1}
    rng = np.random.default_rng(0)
    by_position = properties_record(images, **options, rng=rng)
    assert (by_position["sharpest_first_id"], by_position["sharpest_second_id"]) == (1, 2)
    named = properties_record(images, **options, rng=rng, ids=["a", "b", "c", "d"])
    assert (named["sharpest_first_id"], named["sharpest_second_id"]) == ("b", "c")
    assert "K_F 0.1 at M = 4" in in_words(named)


def test_one_class_has_no_sharpest_pair():
    images = np.random.default_rng(0).integers(0, 256, (9, 1, 2, 2), dtype=np.uint8)
    record = properties_record(
        images, np.zeros(9, int), 3, 9, 1, np.random.default_rng(0), list("abcdefghi")
    )
    assert record["sharpest_first_id"] is None
    assert "K_F undefined" in in_words(record)


def test_the_dimension_is_also_measured_at_other_numbers_of_neighbors():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 1, 3, 3), dtype=np.uint8)
    found = properties_record(images, np.arange(60) % 2, 10, 60, 1, rng)
    # As many as one search for k = 10 finds: twice k.
    assert [k for k in (5, 10, 20, 40) if found[f"id_mle_k1_at_k{k}"] is not None] == [5, 10, 20]
    assert found["id_mle_k1_at_k10"] == found["id_mle_k1"]
    for k in (5, 20):
        alone = properties_record(images, np.arange(60) % 2, k, 60, 1, rng)
        assert found[f"id_mle_k1_at_k{k}"] == alone["id_mle_k1"]


def test_a_set_that_cannot_be_had_has_the_same_names():
    images = np.random.default_rng(0).integers(0, 256, (9, 1, 2, 2), dtype=np.uint8)
    measured = properties_record(images, np.arange(9) % 2, 3, 9, 1, np.random.default_rng(0))
    absent = unmeasured_record(3, "too few images")
    assert {name for name in measured if not name.endswith("_reason")} <= set(absent)
    assert absent["set_reason"] == "too few images"
    assert in_words(absent).startswith("n undefined, ID MLE (k−1) undefined")
