"""The dimension of what networks make of images, at their penultimate layer and at every block."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from idsharp.models.build import build_model
from idsharp.models.checkpoints import save_checkpoint
from idsharp.properties.estimators import ESTIMATORS
from idsharp.properties.record import dimension_record, properties_record
from idsharp.representations import record as representations
from idsharp.representations.layers import layers_of
from idsharp.representations.record import representation_records
from tests.conftest import ROOT, blobs

CPU = torch.device("cpu")
MODEL = "resnet18"


@pytest.fixture(scope="module")
def images():
    return np.concatenate([blobs(30, label, seed=3) for label in (0, 1)])[:, None]


@pytest.fixture(scope="module")
def model():
    return build_model(MODEL, 1, 2, seed=0).eval()


def test_every_block_from_the_images_to_the_logits(model, images):
    records = list(representation_records(model, MODEL, images, 5, CPU, "blocks"))
    layers = layers_of(model.network, MODEL)
    assert [(r["layer"], r["depth"]) for r in records] == [(x.name, x.depth) for x in layers]
    assert records[0]["n_features"] == 32 * 32
    assert records[1]["n_features"] == 64 * 8 * 8
    assert records[-1]["n_features"] == 2
    for record in records:
        assert (record["n_images"], record["n_duplicates"], record["k"]) == (60, 0, 5)
        assert all(record[name] > 0 for name in ESTIMATORS)
    # Two logits span no more than a plane.
    assert records[-1]["id_mle_k1"] < 3 < records[0]["id_mle_k1"]


def test_the_penultimate_layer_is_the_same_by_itself(model, images):
    [alone] = representation_records(model, MODEL, images, 5, CPU)
    both = list(representation_records(model, MODEL, images, 5, CPU, "blocks"))
    assert both[-2]["layer"] == alone["layer"] == "penultimate"
    assert alone["depth"] is None
    assert both[-2] == alone | {"depth": both[-2]["depth"]}


def test_the_images_have_the_dimension_of_the_properties(model, images):
    first = next(representation_records(model, MODEL, images, 5, CPU, "blocks"))
    labels = np.arange(len(images)) % 2
    options = {"k": 5, "m": 60, "draws": 2, "rng": np.random.default_rng(0)}
    measured = properties_record(images, labels, **options)
    for name in ESTIMATORS:
        assert first[name] == measured[name]
        assert first[f"{name}_se"] == measured[f"{name}_se"]


def test_real_images_have_the_dimension_of_the_properties(model, real_data):
    with np.load(real_data / "pneumoniamnist" / "pneumoniamnist.npz") as file:
        pixels, labels = file["train_images"][::20, None], file["train_labels"][::20].ravel()
    pixels = np.pad(pixels, ((0, 0), (0, 0), (2, 2), (2, 2)))
    first = next(representation_records(model, MODEL, pixels, 20, CPU, "blocks"))
    options = {"k": 20, "m": 100, "draws": 2, "rng": np.random.default_rng(0)}
    measured = properties_record(pixels, labels, **options)
    assert first["id_mle_k1"] == measured["id_mle_k1"] > 5


def test_wide_layers_and_narrow_ones_are_searched_alike(model, images, monkeypatch):
    # Some images twice: they make the same activations, and count once.
    images = np.concatenate([images, images[:4]])
    narrow = list(representation_records(model, MODEL, images, 5, CPU, "blocks"))
    monkeypatch.setattr(representations, "_FEW_COLUMNS", 0)
    monkeypatch.setattr("idsharp.properties.neighbors.out_of_core.BLOCK_BYTES", 8 * 64 * 100)
    wide = list(representation_records(model, MODEL, images, 5, CPU, "blocks"))
    for one, other in zip(narrow, wide, strict=True):
        assert one["n_duplicates"] == other["n_duplicates"] == 4
        assert one.pop("layer") == other.pop("layer")
        assert one == pytest.approx(other, rel=1e-10)


def test_a_layer_is_measured_as_any_points(model, images):
    records = {
        r["layer"]: r for r in representation_records(model, MODEL, images, 5, CPU, "blocks")
    }
    network = model.network
    with torch.no_grad():
        x = torch.from_numpy(images).float() / 255 * 255
        stem = network.maxpool(network.relu(network.bn1(network.conv1(x))))
    expected = dimension_record(stem.flatten(1).numpy(), 5)
    for name in ESTIMATORS:
        assert records["stem"][name] == pytest.approx(expected[name], rel=1e-4)


def test_what_cannot_be_measured_has_its_reason(images):
    model = build_model(MODEL, 1, 2, seed=0).eval()
    with torch.no_grad():
        model.network.layer3[1].bn2.weight.fill_(torch.inf)
        # Dead: every image becomes the same.
        model.network.layer1[0].bn2.weight.fill_(0)
        model.network.layer1[0].bn2.bias.fill_(-1e6)
    records = {
        r["layer"]: r for r in representation_records(model, MODEL, images, 5, CPU, "blocks")
    }
    assert records["stem"]["id_mle_k1"] > 0
    assert records["layer1.0"]["n_duplicates"] == len(images) - 1
    assert records["layer1.0"]["id_mle_k1"] is None
    assert "needed" in records["layer1.0"]["id_mle_k1_reason"]
    assert records["layer3.1"]["id_twonn_10pct"] is None
    assert "not finite" in records["layer3.1"]["id_twonn_10pct_reason"]


def test_refuses_other_layers(model, images):
    with pytest.raises(ValueError, match="layers is one of"):
        next(representation_records(model, MODEL, images, 5, CPU, "all"))


@pytest.mark.slow
def test_the_script_writes_a_row_a_layer(model, images, tmp_path):
    np.save(tmp_path / "images.npy", images)
    with open(tmp_path / "samples.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "label", "split"])
        rows.writerows((i, i % 2, "train") for i in range(len(images)))
    save_checkpoint(model, tmp_path / "n40_s0.pt")
    names = {"task": "t", "model": MODEL, "seed": 0, "outputs": 2, "input_scale": 255}
    names["image_size"] = images.shape[-1]
    records = []
    for n, status in ((40, "ok"), (50, "diverged")):
        records.append(tmp_path / f"n{n}_s0.json")
        records[-1].write_text(json.dumps(names | {"n_train": n, "status": status}))
    command = [sys.executable, "scripts/representation.py", "--images", tmp_path / "images.npy",
               "--samples", tmp_path / "samples.csv", "--runs", *records, "--k", 5,
               "--layers", "blocks", "--table", tmp_path / "table.csv"]  # fmt: skip
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "resnet18 n 40 seed 0, layer1.0: " in done.stderr
    with open(tmp_path / "table.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["layer"] for row in table] == [
        *(layer.name for layer in layers_of(model.network, MODEL)), "penultimate"
    ]  # fmt: skip
    assert all(row["id_mle_k1"] for row in table[:-1])
    assert table[-1]["status"] == "diverged"
    assert not table[-1]["id_mle_k1"]
