"""What a training leaves: its record, its history, and the record of one that could not be."""

from pathlib import Path

import torch

from idsharp.common.provenance import provenance
from idsharp.common.records import atomic_path, write_json, write_rows

#: Columns of a history, one row per epoch: losses in nats, accuracies from 0 to 1, wall time in
#: seconds.
HISTORY = ("epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy", "seconds")


def summary(history: list[dict]) -> dict:
    """Final and best numbers of a history; None where no epoch was completed."""
    names = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
    if not history:
        return dict.fromkeys(names) | {"highest_test_accuracy": None, "epochs_done": 0}
    best = max(row["test_accuracy"] for row in history)
    final = {name: history[-1][name] for name in names}
    return final | {"highest_test_accuracy": best, "epochs_done": len(history)}


def write_gap(record: str | Path, checkpoint: str | Path, names: dict, reason: str) -> None:
    """Write the record of a training that cannot be, with an empty history and checkpoint.

    A training-set size that a dataset is too small for is a gap in the tables, and the study goes
    on.
    """
    history = Path(checkpoint).with_suffix(".csv")
    write_rows(history, [], list(HISTORY))
    with atomic_path(checkpoint) as temporary:
        torch.save({}, temporary)
    cost = ("train_seconds", "images_per_second", "peak_memory_mb", "n_interruptions")
    numbers = dict.fromkeys(("constant_output", *cost))
    status = {"status": "too few images", "reason": reason}
    write_json(record, names | status | summary([]) | numbers | provenance("torch"))
