"""What the command-line scripts share."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd


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
) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """Images (memory-mapped), class numbers and sample rows of a subset of a prepared task.

    Args:
        subset: "pool" (all images), "test", or "n<N>": the training set of size N.
    """
    array = np.load(images, mmap_mode="r", allow_pickle=False)
    rows = pd.read_csv(samples, dtype={"id": str, "class": str, "patient": str}, keep_default_na=False)
    if len(array) != len(rows):
        raise OSError(f"{images} holds {len(array)} images, {samples} {len(rows)} rows")
    if subset == "pool":
        chosen = slice(0, len(rows))
    elif subset == "test":
        positions = np.flatnonzero(rows["split"] == "test")
        chosen = slice(positions[0], positions[-1] + 1)
    else:
        chosen = slice(0, int(subset.removeprefix("n")))
    return array[chosen], rows["label"].to_numpy()[chosen], rows.iloc[chosen]
