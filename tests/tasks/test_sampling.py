"""Class draws, pools, test and training sets: balance, nesting, disjointness over random inputs."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idsharp.tasks.sampling import (
    SamplingError,
    assign_classes,
    draw_classes,
    exact_share,
    merge_groups,
    pool_quota,
    split_pool,
)


@st.composite
def pools(draw):
    """Targets and groups of a random pool, and a test size that may or may not fit."""
    n_classes = draw(st.integers(2, 4))
    n = draw(st.integers(n_classes * 3, 120))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    targets = rng.permutation(np.arange(n) % n_classes)
    groups = rng.integers(0, draw(st.integers(1, n)), n)
    n_test = n_classes * draw(st.integers(1, 6))
    return targets, groups, n_test, n_classes, rng


@settings(max_examples=200, deadline=None)
@given(pools())
def test_splits_are_balanced_nested_and_disjoint(pool):
    targets, groups, n_test, n_classes, rng = pool
    try:
        split = split_pool(targets, groups, n_test, rng)
    except SamplingError:
        # Only where a class really has too few images.
        assert np.bincount(targets).min() < n_test // n_classes
        return
    parts = [split.train, split.test, split.rest]
    assert sorted(np.concatenate(parts)) == list(range(len(targets)))
    assert (np.bincount(targets[split.test], minlength=n_classes) == n_test // n_classes).all()
    for size in range(n_classes, len(split.train) + 1, n_classes):
        counts = np.bincount(targets[split.train[:size]], minlength=n_classes)
        assert (counts == size // n_classes).all()
    assert not set(groups[split.train]) & set(groups[split.test])


@settings(max_examples=100, deadline=None)
@given(pools())
def test_official_test_images_stay_test_images(pool):
    targets, groups, n_test, _, rng = pool
    for_test = rng.random(len(targets)) < 0.5
    try:
        split = split_pool(targets, groups, n_test, rng, for_test)
    except SamplingError:
        return
    assert for_test[split.test].all()
    assert not for_test[split.train].any()
    assert not set(groups[split.train]) & set(groups[split.test])


def test_a_large_group_does_not_starve_training():
    # A patient with most images of class 0 may be the test patient or not; both must work.
    targets = np.array([0] * 50 + [1] * 50)
    groups = np.array([0] * 30 + list(range(1, 71)))
    for seed in range(20):
        split = split_pool(targets, groups, 20, np.random.default_rng(seed))
        assert len(split.train) >= 20


def test_the_same_seed_gives_the_same_split():
    targets, groups = np.arange(60) % 2, np.arange(60) // 3
    first = split_pool(targets, groups, 20, np.random.default_rng(5))
    second = split_pool(targets, groups, 20, np.random.default_rng(5))
    other = split_pool(targets, groups, 20, np.random.default_rng(6))
    assert (first.train == second.train).all()
    assert (first.test == second.test).all()
    assert not np.array_equal(first.train, other.train)


def test_too_few_test_images_are_named():
    with pytest.raises(SamplingError, match="class 1: the test set needs 10 images of it"):
        split_pool(np.array([0] * 20 + [1] * 4), np.arange(24), 20, np.random.default_rng(0))


def test_merge_groups_joins_what_shares_a_patient_or_is_identical():
    patients = np.array([0, 0, 1, 1, -1, -1])
    identical = np.array([0, 1, 1, 2, 3, 4])
    merged = merge_groups(identical, patients)
    assert len(set(merged[:4])) == 1
    assert len(set(merged)) == 3
    assert len(set(merge_groups(np.full(4, -1)))) == 4


def test_assign_classes():
    index = pd.DataFrame({"id": list("abcdef"), "label": ["3", "8", "3", "5", "9", "8"]})
    rows = assign_classes(index, [["3"], ["8", "9"]])
    assert rows["id"].tolist() == list("abcef")
    assert rows["target"].tolist() == [0, 1, 0, 1, 1]
    assert assign_classes(index, None)["target"].max() == 3


@pytest.mark.parametrize(
    ("classes", "column", "message"),
    [
        ([["3"], ["7"]], "label", r"no image is labelled 7; labels found: 3 \(2\), 5 \(1\)"),
        ([["3"], ["3", "5"]], "label", "more than one class"),
        ([["3"]], "edema", "no column 'edema'"),
    ],
)
def test_wrong_classes_are_explained(classes, column, message):
    index = pd.DataFrame({"id": list("abc"), "label": ["3", "5", "3"]})
    with pytest.raises(SamplingError, match=message):
        assign_classes(index, classes, column)


def test_shares():
    assert exact_share(750, 2, "test images") == 375
    with pytest.raises(SamplingError, match="write 498 or 501"):
        exact_share(500, 3, "training images")
    assert pool_quota(np.array([40, 5000]), 7500) == 40
    assert pool_quota(np.array([4000, 5000]), 7500) == 3750


def test_class_draws_are_distinct_enough_and_repeatable():
    counts = pd.Series({"dog": 900, "cat": 40, "": 5000, "fox": 39, "owl": 41, "eel": 1250})
    drawn = [draw_classes(counts, 2, 40, number, "animals") for number in range(1, 7)]
    # Every pair of the four classes with 40 images, once.
    assert {frozenset(label for (label,) in classes) for classes in drawn} == {
        frozenset(pair) for pair in combinations(["cat", "dog", "eel", "owl"], 2)
    }
    assert all(classes == sorted(classes) for classes in drawn)
    shuffled = counts.sample(frac=1, random_state=3)
    assert [draw_classes(shuffled, 2, 40, number, "animals") for number in range(1, 7)] == drawn
    others = {str(draw_classes(counts, 2, 40, 1, name)) for name in "abcdefgh"}
    assert len(others) > 1
    # The sequence depends on nothing but the names of the classes that are large enough.
    more = counts * 2 + pd.Series(range(6), counts.index)
    more["fox"] = 1
    assert draw_classes(more, 2, 40, 2, "animals") == drawn[1]


def test_class_draws_take_other_label_types_and_numbers_of_classes():
    index = pd.DataFrame({"label": [str(i % 12) for i in range(60)]})
    classes = draw_classes(index["label"].value_counts(), 3, 5, 1, "digits")
    assert assign_classes(index, classes)["target"].value_counts().to_dict() == {0: 5, 1: 5, 2: 5}
    assert draw_classes(pd.Series({1: 5, 2: 5}), 2, 5, 1, "x") == [["1"], ["2"]]


def test_class_draws_say_what_is_lacking():
    counts = pd.Series({"cat": 10, "dog": 7, "eel": 3, "": 90})
    with pytest.raises(
        SamplingError,
        match=r"at least 8 images were asked for, 1 of 3 have as man"
        r"y; the largest: cat \(10\), dog \(7\)",
    ):
        draw_classes(counts, 2, 8, 1, "animals")
    for number in (0, 4):
        with pytest.raises(SamplingError, match=rf"no draw number {number}: .* from 1 to 3"):
            draw_classes(counts, 2, 3, number, "animals")


def test_images_without_any_labels_are_of_one_class():
    index = pd.DataFrame({"id": ["x", "y"], "label": ["", ""]})
    assert list(assign_classes(index, None)["target"]) == [0, 0]
