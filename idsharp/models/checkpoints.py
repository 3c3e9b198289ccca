"""Going through the trained networks of one task and model, and leaving gaps among them."""

from collections.abc import Iterator
from pathlib import Path

import torch

from idsharp.common.records import atomic_path, provenance, read_json, write_json, write_rows
from idsharp.models.build import ScaledModel, build_model, load_checkpoint
from idsharp.training.loop import HISTORY, summary


def trained_models(
    records: list[str | Path], channels: int
) -> Iterator[tuple[dict, ScaledModel | None]]:
    """The identifying part of each training record, and the network that was trained.

    The checkpoint lies beside its record, with the suffix .pt. None stands for a run that diverged
    or could not be.
    """
    for path in map(Path, records):
        record = read_json(path)
        names = {key: record[key] for key in ("task", "model", "n_train", "seed", "status")}
        if record["status"] != "ok":
            yield names, None
            continue
        sizes = (channels, record["outputs"], 0, record["input_scale"], record["image_size"])
        model = build_model(record["model"], *sizes)
        yield names, load_checkpoint(model, path.with_suffix(".pt"))


def write_gap(record: str | Path, checkpoint: str | Path, names: dict, reason: str) -> None:
    """The record of a run that cannot be, and its history and checkpoint, both empty.

    A size that a dataset cannot give is a gap in the tables, and the study goes on.
    """
    history = Path(checkpoint).with_suffix(".csv")
    write_rows(history, [], list(HISTORY))
    with atomic_path(checkpoint) as temporary:
        torch.save({}, temporary)
    cost = ("train_seconds", "images_per_second", "peak_memory_mb", "n_interruptions")
    numbers = dict.fromkeys(("constant_output", *cost))
    status = {"status": "too few images", "reason": reason}
    write_json(record, names | status | summary([]) | numbers | provenance("torch"))
