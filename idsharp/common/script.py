"""What the command-line scripts share."""

import csv
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np


class TrainingSetError(ValueError):
    """There is no training set of this size; the message says which there are."""


class TooFewImagesError(TrainingSetError):
    """A task has fewer training images than a training set needs."""


def run(main: Callable[[], None], timed: bool = True) -> None:
    """Run a script; wrong input (ValueError, OSError) ends in one line instead of a traceback.

    Our own errors are all ValueErrors with a message for the user; anything else is a defect and
    keeps its traceback.

    Args:
        timed: the last line says how much processor time went into Python and its imports, and
            how much into the work itself.
    """
    start_up = _processor_seconds()
    # What is imported stays to the end; not to search it for garbage saves a job of torch 0.4 s.
    gc.freeze()
    try:
        main()
        if timed:
            work = _processor_seconds() - start_up
            print(f"processor time: {start_up:.2f} s to start, {work:.2f} s to work")
    except (ValueError, OSError) as error:
        if type(error) is ValueError:
            raise
        sys.exit(f"error: {error}")


def _processor_seconds() -> float:
    """Of this process and of those that it started and that ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def load_set(
    images: str | Path, samples: str | Path, subset: str
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Images (memory-mapped), class numbers and ids of a subset of a prepared task.

    Args:
        subset: "pool" (all images), "test", or "n<N>": the training set of size N.

    Raises:
        TooFewImagesError: the task has fewer than N training images.
        TrainingSetError: N cannot be balanced over the classes.
    """
    array = np.load(images, mmap_mode="r", allow_pickle=False)
    with open(samples, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if len(array) != len(rows):
        raise OSError(f"{images} holds {len(array)} images, {samples} {len(rows)} rows")
    if subset == "pool":
        chosen = slice(0, len(rows))
    elif subset == "test":
        # The test set stands in one piece, after the training images.
        positions = [i for i, row in enumerate(rows) if row["split"] == "test"]
        chosen = slice(positions[0], positions[-1] + 1)
    else:
        chosen = slice(0, _checked_size(int(subset.removeprefix("n")), rows, samples))
    labels = np.array([int(row["label"]) for row in rows[chosen]])
    return array[chosen], labels, [row["id"] for row in rows[chosen]]


def _checked_size(n_train: int, rows: list[dict], samples: str | Path) -> int:
    """N, where the training images suffice for it."""
    trainable = [int(row["label"]) for row in rows if row["split"] == "train"]
    if n_train > len(trainable):
        raise TooFewImagesError(
            f"a training set of {n_train} images was asked for; {samples} has {len(trainable)} "
            f"training images, {len(rows)} in all"
        )
    n_classes = len(set(trainable))
    if n_train % n_classes:
        raise TrainingSetError(
            f"{n_train} training images cannot be balanced over {n_classes} classes; write "
            f"{n_train - n_train % n_classes} or {n_train - n_train % n_classes + n_classes}"
        )
    return n_train
