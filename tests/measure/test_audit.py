"""Duplicates across classes and splits, and near-duplicates, against brute force."""

import numpy as np
import pytest

from idsharp.datasets import open_dataset
from idsharp.measure import audit
from idsharp.properties.neighbors.search import nearest_neighbors

LABELS = np.array(["a", "a", "b", "b", "a", "a"])
SPLITS = np.array(["train", "test", "train", "train", "val", ""])


def images(*values):
    return np.array(values, dtype=np.uint8)[:, None, None] * np.ones((3, 4), np.uint8)


def test_exact_duplicates_across_classes_and_splits():
    groups = audit.exact_duplicates(images(7, 7, 9, 7, 8, 8), LABELS, SPLITS)
    assert [list(part) for part in groups.members] == [[0, 1, 3], [4, 5]]
    assert groups.across_classes.tolist() == [True, False]
    # An image without a split is on neither side.
    assert groups.across_splits.tolist() == [True, False]
    record = audit.exact_record(groups, np.array(list("uvwxyz")), LABELS, SPLITS)
    assert record["duplicate_groups"][0] == {
        "ids": ["u", "v", "x"], "labels": ["a", "a", "b"], "splits": ["train", "test", "train"],
    }  # fmt: skip
    counts = {name: value for name, value in record.items() if name.startswith("n_")}
    assert counts == {
        "n_duplicate_groups": 2,
        "n_duplicate_images": 5,
        "n_duplicates": 3,
        "n_duplicate_groups_across_classes": 1,
        "n_duplicate_images_across_classes": 3,
        "n_duplicate_groups_across_splits": 1,
        "n_test_images_also_in_training": 1,
    }


@pytest.mark.parametrize("threshold", [0.5, 3.0, 6.0, 20.0])
def test_near_duplicates_are_those_of_a_brute_force(threshold):
    rng = np.random.default_rng(0)
    base = rng.integers(0, 240, (12, 5, 5))
    noise = rng.integers(0, 1 + np.arange(60)[:, None, None] // 5, (60, 5, 5))
    points = (np.repeat(base, 5, axis=0) + noise).astype(np.uint8)
    near = audit.near_duplicates(nearest_neighbors(points, 10), 25, threshold)
    flat = points.reshape(60, 25).astype(float)
    rms = np.sqrt(((flat[:, None] - flat[None]) ** 2).mean(axis=2))
    expected = {(i, j) for i in range(60) for j in range(i) if rms[i, j] < threshold}
    assert {(j, i) for i, j in near.pairs.tolist()} == expected
    assert near.complete
    assert np.allclose(near.differences, [rms[i, j] for i, j in near.pairs])
    assert (np.diff(near.differences) >= 0).all()


def test_what_may_be_missing_is_said():
    points = images(*range(40, 60))
    near = audit.near_duplicates(nearest_neighbors(points, 4), 12, 10.0)
    assert not near.complete
    assert len(near.pairs) < 19 * 20 / 2
    everything = audit.near_duplicates(nearest_neighbors(points, 19), 12, 100.0)
    assert everything.complete
    assert len(everything.pairs) == 19 * 20 / 2


def test_a_near_image_of_another_class_is_found_behind_many_of_the_same():
    points = images(*range(100, 110), 111)
    labels = np.array(["a"] * 10 + ["b"])
    neighbors = nearest_neighbors(points, 1, labels)
    near = audit.near_duplicates(neighbors, 12, 3.5)
    record = audit.near_record(
        near, audit.near_groups(near, 11, labels, np.full(11, "")), 3.5, np.arange(11).astype(str),
        labels, np.full(11, ""),
    )  # fmt: skip
    # 9 to 10 and, by its nearest of another class alone, 8 to 10 (and 7 is 4 away).
    across = [{pair["first"], pair["second"]} for pair in record["near_duplicate_pairs"]
              if "10" in pair.values()]  # fmt: skip
    assert {"9", "10"} in across
    assert {"8", "10"} in across
    assert record["n_near_duplicate_pairs_across_classes"] == len(across) == 2


def test_no_duplicates():
    groups = audit.exact_duplicates(images(1, 2, 3, 40, 50, 60), LABELS, SPLITS)
    assert groups.members == []
    near = audit.near_duplicates(nearest_neighbors(images(1, 50, 99), 2), 12, 4.0)
    assert near.pairs.shape == (0, 2)
    record = audit.near_record(near, audit.near_groups(near, 3, LABELS, SPLITS), 4.0, LABELS,
                               LABELS, SPLITS)  # fmt: skip
    assert record["n_near_duplicate_pairs"] == record["n_near_duplicate_groups"] == 0
    assert record["near_duplicates_complete"]


def test_real_brain_mri_has_copies_on_both_sides_of_its_split(real_data):
    import hashlib

    path = real_data / "brain_tumor_mri"
    index = open_dataset("brain", {"adapter": "folder", "path": str(path)}).index()
    # Checksums of the files; copies are byte by byte the same in this collection.
    files = [np.frombuffer(hashlib.sha256((path / where).read_bytes()).digest(), np.uint8)
             for where in index["where"]]  # fmt: skip
    columns = [index[name].to_numpy() for name in ("id", "label", "split")]
    groups = audit.exact_duplicates(np.stack(files), *columns[1:])
    record = audit.exact_record(groups, *columns)
    assert record["n_duplicates"] == 426
    assert record["n_duplicate_groups"] == 300
    assert record["n_duplicate_groups_across_splits"] == 189
    assert record["n_test_images_also_in_training"] == 216
    assert record["n_duplicate_images_across_classes"] == 0
