"""What the command-line scripts share."""

import csv
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np


def run(main: Callable[[], None]) -> None:
    """Run a script; wrong input (ValueError, OSError) ends in one line instead of a traceback.

    Our own errors are all ValueErrors with a message for the user; anything else is a defect and
    keeps its traceback.
    """
    try:
        main()
    except (ValueError, OSError) as error:
        if type(error) is ValueError:
            raise
        sys.exit(f"error: {error}")


def load_set(
    images: str | Path, samples: str | Path, subset: str
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Images (memory-mapped), class numbers and ids of a subset of a prepared task.

    Args:
        subset: "pool" (all images), "test", or "n<N>": the training set of size N.

    Raises:
        SamplingError: the task has fewer than N training images, or N cannot be balanced.
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
    # Imported here: it brings SciPy, which every job would wait for.
    from idsharp.sampling import SamplingError, exact_share

    trainable = [int(row["label"]) for row in rows if row["split"] == "train"]
    if n_train > len(trainable):
        raise SamplingError(
            f"a training set of {n_train} images was asked for; {samples} has {len(trainable)} "
            f"training images, {len(rows)} in all; lower n_train or n_test, or raise pool_size"
        )
    exact_share(n_train, len(set(trainable)), "training images")
    return n_train
