"""Checkpoints of trained networks."""

from collections.abc import Iterator
from pathlib import Path

import torch

from idsharp.common.records import read_json
from idsharp.models.build import ScaledModel, build_model


class CheckpointError(ValueError):
    """A checkpoint that cannot be read; the message says what to do."""


def save_checkpoint(model: ScaledModel, path: str | Path) -> None:
    """Write the weights alone; `load_checkpoint` reads them without running pickled code."""
    # Through a file object: torch would write the name of a path into the archive, and the same
    # weights would make different files.
    with open(path, "wb") as file:
        torch.save(model.network.state_dict(), file)


def load_checkpoint(model: ScaledModel, path: str | Path) -> ScaledModel:
    """Load weights written by `save_checkpoint` into a model of the same shape, in eval mode.

    Raises:
        CheckpointError: a damaged file, or one of another network.
        OSError: no such file.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        model.network.load_state_dict(state)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # unpickling a damaged file may raise any
        reason = str(error).partition("\n")[0]
        raise CheckpointError(
            f"{path} does not hold the weights of this network ({reason}); delete it to train the "
            "network again"
        ) from error
    return model.eval()


def trained_models(
    records: list[str | Path], channels: int
) -> Iterator[tuple[dict, ScaledModel | None]]:
    """Each training record's task, model, n_train, seed and status, and the trained network.

    The checkpoint lies beside its record, with the suffix .pt. The network is None where training
    diverged or the task has too few images.
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
