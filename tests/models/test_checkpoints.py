"""Checkpoints restore networks, or say what to do."""

import pytest
import torch

from idsharp.common.records import write_json
from idsharp.models.build import build_model
from idsharp.models.checkpoints import (
    CheckpointError,
    load_checkpoint,
    save_checkpoint,
    trained_models,
)

RECORD = {
    "task": "t", "model": "resnet18", "n_train": 4, "seed": 0, "status": "ok", "outputs": 2,
    "input_scale": 255.0, "image_size": 32, "test_loss": 0.5,
}  # fmt: skip


def trained(seed=1):
    model = build_model("resnet18", 1, 2, seed)
    model(torch.rand(4, 1, 32, 32))  # moves the running statistics
    return model


def test_a_checkpoint_restores_the_network(tmp_path):
    model = trained()
    save_checkpoint(model, tmp_path / "model.pt")
    restored = load_checkpoint(build_model("resnet18", 1, 2, seed=99), tmp_path / "model.pt")
    images = torch.rand(4, 1, 32, 32)
    torch.testing.assert_close(restored(images), model.eval()(images))


def test_the_same_weights_make_the_same_file(tmp_path):
    model = trained()
    for name in ("a.pt", "another name.pt"):
        save_checkpoint(model, tmp_path / name)
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "another name.pt").read_bytes()


@pytest.mark.parametrize("damage", ["cut off", "empty", "text", "other network"])
def test_a_damaged_checkpoint_is_named_with_its_remedy(tmp_path, damage):
    path = tmp_path / "n4_s0.pt"
    save_checkpoint(trained(), path)
    if damage == "other network":
        save_checkpoint(build_model("squeezenet1_1", 1, 2, seed=0), path)
    else:
        broken = {"cut off": path.read_bytes()[:1000], "empty": b"", "text": b"hello"}
        path.write_bytes(broken[damage])
    with pytest.raises(CheckpointError, match=r"n4_s0\.pt does not hold .*; delete it to"):
        load_checkpoint(build_model("resnet18", 1, 2, seed=0), path)


def test_networks_come_with_their_names_and_gaps_without_a_network(tmp_path):
    paths = [tmp_path / "n4_s0.json", tmp_path / "n8_s0.json"]
    write_json(paths[0], RECORD)
    write_json(paths[1], RECORD | {"n_train": 8, "status": "diverged"})
    model = trained()
    save_checkpoint(model, tmp_path / "n4_s0.pt")
    (first, restored), (second, nothing) = trained_models(paths, channels=1)
    assert first == {"task": "t", "model": "resnet18", "n_train": 4, "seed": 0, "status": "ok"}
    assert second["status"] == "diverged"
    assert nothing is None
    assert restored.scale == 255
    assert torch.equal(restored.network.fc.weight, model.network.fc.weight)
