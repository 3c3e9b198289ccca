"""Subsets of a prepared task."""

import subprocess
import sys

import numpy as np
import pytest

from idsharp.common.records import write_rows
from idsharp.tasks.subsets import (
    LabelledImages,
    TooFewImagesError,
    TrainingSetError,
    load_subset,
)

N_TRAIN, N_TEST, N_REST = 40, 6, 4


@pytest.fixture
def files(tmp_path):
    """A task of two classes whose images are filled with their position."""
    n = N_TRAIN + N_TEST + N_REST
    images = np.empty((n, 1, 2, 2), dtype=np.uint8)
    images[:] = np.arange(n)[:, None, None, None]
    np.save(tmp_path / "images.npy", images)
    split = ["train"] * N_TRAIN + ["test"] * N_TEST + ["pool"] * N_REST
    rows = [{"id": f"i{i}", "label": i % 2, "split": split[i]} for i in range(n)]
    write_rows(tmp_path / "samples.csv", rows)
    return tmp_path / "images.npy", tmp_path / "samples.csv"


@pytest.mark.parametrize(
    "subset, positions",
    [
        ("pool", range(N_TRAIN + N_TEST + N_REST)),
        ("test", range(N_TRAIN, N_TRAIN + N_TEST)),
        ("n10", range(10)),
        ("n40", range(40)),
    ],
)
def test_images_labels_and_ids_of_a_subset_belong_together(files, subset, positions):
    part = load_subset(*files, subset)
    assert len(part) == len(positions)
    assert part.images[:, 0, 0, 0].tolist() == list(positions)
    assert part.labels.tolist() == [i % 2 for i in positions]
    assert part.ids == [f"i{i}" for i in positions]
    assert isinstance(part.images, np.memmap)


def test_a_size_without_a_training_set_is_refused(files):
    with pytest.raises(TooFewImagesError, match="has 40 training images, 50 in all"):
        load_subset(*files, "n42")
    with pytest.raises(TrainingSetError, match="cannot be balanced over 2 classes; write 10 or 12"):
        load_subset(*files, "n11")


def test_files_of_different_lengths_are_refused(files):
    np.save(files[0], np.zeros((3, 1, 2, 2), dtype=np.uint8))
    with pytest.raises(OSError, match=r"holds 3 images and .* 50 rows; delete both"):
        load_subset(*files, "pool")


def test_a_slice_keeps_images_labels_and_ids_together(files):
    part = load_subset(*files, "pool")[4:7]
    assert (part.images[0, 0, 0, 0], part.labels[0], part.ids[0]) == (4, 0, "i4")
    with pytest.raises(ValueError, match="2 images, 3 labels and 1 ids"):
        LabelledImages(np.zeros((2, 1, 2, 2)), np.zeros(3), ["a"])


def test_reading_a_subset_imports_neither_pandas_nor_torch():
    code = "import sys, idsharp.tasks.subsets; assert not {'pandas', 'torch'} & {*sys.modules}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
