"""One replicate of a study: seeds from names, and files that are whole or absent."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from idsharp.common.records import read_json
from idsharp.models.checkpoints import load_checkpoint
from idsharp.training.loop import train
from idsharp.training.recipe import Engine, Recipe
from idsharp.training.record import HISTORY
from idsharp.training.replicate import Replicate, RunFiles
from tests.training.conftest import two_classes

CPU = torch.device("cpu")
REPLICATE = Replicate("t", "squeezenet1_1", 20, 0, 2, 1.0, Recipe(1, 10, 1e-4))


@pytest.fixture
def files(tmp_path):
    return RunFiles(*(tmp_path / "models" / f"n20_s0.{end}" for end in ("json", "csv", "pt")))


def training_of(replicate):
    return replicate.training(two_classes(20), two_classes(8), CPU, Engine())


def first_weights(replicate):
    return training_of(replicate).model.network.features[0].weight


def test_seeds_follow_from_the_names():
    weights = first_weights(REPLICATE)
    assert torch.equal(first_weights(REPLICATE), weights)
    for changes in ({"task": "u"}, {"seed": 1}):
        assert not torch.equal(first_weights(replace(REPLICATE, **changes)), weights)
    # Only N differs between training sets.
    larger = replace(REPLICATE, n_train=40)
    assert torch.equal(first_weights(larger), weights)
    seeds = {training_of(one).seed for one in (REPLICATE, larger, replace(REPLICATE, task="u"))}
    assert len(seeds) == 3


def test_a_training_leaves_a_record_a_history_and_its_weights(files):
    training = training_of(REPLICATE)
    record, history = train(training)
    files.write(REPLICATE, training, record, history)
    written = read_json(files.record)
    assert {key: written[key] for key in ("task", "model", "n_train", "seed")} == REPLICATE.names
    assert (written["epochs"], written["batch_size"], written["outputs"]) == (1, 10, 2)
    assert written["optimizer"] == "Adam"
    assert (written["input_scale"], written["status"]) == (1.0, "ok")
    assert written["torch_version"]
    assert files.history.read_text().splitlines()[0] == ",".join(HISTORY)
    restored = load_checkpoint(training_of(REPLICATE).model, files.checkpoint)
    for ours, theirs in zip(restored.parameters(), training.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert sorted(path.name for path in files.record.parent.iterdir()) == [
        "n20_s0.csv", "n20_s0.json", "n20_s0.pt"
    ]  # fmt: skip


def test_the_record_is_written_last(files, monkeypatch):
    def fail(*_):
        raise OSError("no space left on device")

    training = training_of(REPLICATE)
    monkeypatch.setattr("idsharp.training.replicate.write_rows", fail)
    with pytest.raises(OSError, match="no space left"):
        files.write(REPLICATE, training, {"status": "ok"}, [])
    assert not files.record.exists()


def test_a_gap_has_the_keys_of_a_record_and_an_empty_history(files):
    files.write_gap(REPLICATE, "too small")
    written = read_json(files.record)
    assert (written["status"], written["reason"]) == ("too few images", "too small")
    assert REPLICATE.names.items() <= written.items()
    assert written["test_loss"] is written["train_seconds"] is None
    assert written["epochs_done"] == 0
    assert files.history.read_text() == ",".join(HISTORY) + "\n"
    assert torch.load(files.checkpoint, weights_only=True) == {}


def test_networks_differ_in_channels_with_their_images():
    part = two_classes(20)
    colour = replace(part, images=np.repeat(part.images, 3, axis=1))
    model = REPLICATE.training(colour, colour, CPU, Engine()).model
    assert model.network.features[0].in_channels == 3
