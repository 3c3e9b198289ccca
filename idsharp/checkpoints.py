"""Going through the trained networks of one task and model."""

from collections.abc import Iterator
from pathlib import Path

from idsharp.models import ScaledModel, build_model, load_checkpoint
from idsharp.records import read_json


def trained_models(
    records: list[str | Path], channels: int
) -> Iterator[tuple[dict, ScaledModel | None]]:
    """The identifying part of each training record, and the network that was trained.

    The checkpoint lies beside its record, with the suffix .pt. None stands for a run that diverged.
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
