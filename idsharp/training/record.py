"""What a training leaves behind: its record, its history, and the line on every epoch."""

#: Columns of a history, one row per epoch: losses in nats, accuracies from 0 to 1, wall time in
#: seconds.
HISTORY = ("epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy", "seconds")


def summary(history: list[dict]) -> dict:
    """Final and best numbers of a history; None if no epoch was completed."""
    names = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
    if not history:
        return dict.fromkeys(names) | {"highest_test_accuracy": None, "epochs_done": 0}
    best = max(row["test_accuracy"] for row in history)
    final = {name: history[-1][name] for name in names}
    return final | {"highest_test_accuracy": best, "epochs_done": len(history)}


def gap(reason: str) -> dict:
    """The record of a training that a dataset is too small for, with the keys of the others.

    Such a size is a gap in the tables, and the study goes on.
    """
    costs = ("train_seconds", "images_per_second", "peak_memory_mb", "n_interruptions")
    numbers = dict.fromkeys(("constant_output", *costs))
    return {"status": "too few images", "reason": reason} | summary([]) | numbers


def epoch_line(record: dict, history: list[dict], epochs: int) -> str:
    """A line for people after an epoch, from the record so far."""
    if record["status"] != "ok":
        number = record["diverged_at_epoch"]
        return f"epoch {number}: the loss is no longer finite; this training stops here"
    row = history[-1]
    left = (epochs - row["epoch"]) * record["train_seconds"] / row["epoch"]
    note = "; the network's output is constant" if record["constant_output"] else ""
    return (
        f"epoch {row['epoch']}/{epochs}: train loss {row['train_loss']:.4f}, accuracy "
        f"{row['train_accuracy']:.3f}; test loss {row['test_loss']:.4f}, accuracy "
        f"{row['test_accuracy']:.3f}; {row['seconds']:.1f} s, about {left:.0f} s left{note}"
    )
