"""Subsets of a prepared task: the pool, the test set, and the nested training sets.

Imports neither pandas nor torch, since almost every job begins here.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from idsharp.common.records import read_rows, reading


class TrainingSetError(ValueError):
    """A task has no training set of this size; the message says which sizes it has."""


class TooFewImagesError(TrainingSetError):
    """A task has fewer training images than the training set needs."""


@dataclass(frozen=True)
class LabelledImages:
    """Images with their classes.

    Attributes:
        images: n×C×H×W uint8, often a read-only memory map.
        labels: n class numbers.
        ids: n names that are unique within the task.

    Raises:
        ValueError: the three differ in length.
    """

    images: np.ndarray
    labels: np.ndarray
    ids: list[str]

    def __post_init__(self):
        lengths = len(self.images), len(self.labels), len(self.ids)
        if len(set(lengths)) != 1:
            raise ValueError("{} images, {} labels and {} ids".format(*lengths))

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: slice) -> "LabelledImages":
        return LabelledImages(self.images[rows], self.labels[rows], self.ids[rows])


def load_subset(images: str | Path, samples: str | Path, subset: str) -> LabelledImages:
    """A subset of a prepared task, its images memory-mapped.

    Args:
        images, samples: the task's images.npy and samples.csv.
        subset: "pool" (all images), "test", or "n<N>" (the training set of size N).

    Raises:
        TooFewImagesError: the task has fewer than N training images.
        TrainingSetError: N cannot be balanced over the classes.
        DamagedFileError: a file cannot be read.
        OSError: the files differ in length.
    """
    with reading(images):
        array = np.load(images, mmap_mode="r", allow_pickle=False)
    rows = read_rows(samples)
    if len(array) != len(rows):
        raise OSError(
            f"{images} holds {len(array)} images and {samples} {len(rows)} rows; delete both to "
            "prepare the task again"
        )
    with reading(samples):
        labels = np.array([int(row["label"]) for row in rows])
        ids, split = ([row[name] for row in rows] for name in ("id", "split"))
    pool = LabelledImages(array, labels, ids)
    if subset == "pool":
        return pool
    if subset == "test":
        # The test images are consecutive; they follow the training images.
        first = split.index("test")
        return pool[first : first + split.count("test")]
    n_train = int(subset.removeprefix("n"))
    _check_size(n_train, pool[: split.count("train")], len(pool), samples)
    return pool[:n_train]


def _check_size(n_train: int, trainable: LabelledImages, n_pool: int, samples: str | Path) -> None:
    """Raise TrainingSetError unless the training images make a balanced set of N."""
    if n_train > len(trainable):
        raise TooFewImagesError(
            f"a training set of {n_train} images was asked for; {samples} has {len(trainable)} "
            f"training images, {n_pool} in all"
        )
    n_classes = len(set(trainable.labels.tolist()))
    excess = n_train % n_classes
    if excess:
        raise TrainingSetError(
            f"{n_train} training images cannot be balanced over {n_classes} classes; write "
            f"{n_train - excess} or {n_train - excess + n_classes}"
        )
