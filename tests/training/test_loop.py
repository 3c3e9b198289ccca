"""Training: what is learned, what is recorded, and that it repeats."""

import io

import numpy as np
import pytest
import torch

from idsharp.common.progress import Reporter
from idsharp.models.build import build_model
from idsharp.training.loop import evaluate, train
from idsharp.training.recipe import Engine, Recipe
from idsharp.training.record import HISTORY
from tests.training.conftest import as_tensors, quietly, tiny_model, training_of, two_classes


@pytest.fixture(scope="module")
def trained():
    model = build_model("resnet18", 1, 2, seed=1)
    record, history = train(training_of(model, Recipe(8, 20, 1e-3), 120, 60, seed=3))
    return model, record, history


@pytest.mark.slow
def test_training_learns_and_records(trained):
    model, record, history = trained
    assert record["status"] == "ok"
    assert record["highest_test_accuracy"] > 0.9
    assert len(history) == record["epochs_done"] == 8
    assert record["test_loss"] == history[-1]["test_loss"]
    assert record["highest_test_accuracy"] == max(row["test_accuracy"] for row in history)
    assert not model.training


@pytest.mark.slow
def test_evaluation_is_the_mean_over_images(trained):
    model, record, _ = trained
    images, labels = as_tensors(two_classes(60, seed=9))
    loss, accuracy = evaluate(model, images, labels, batch_size=7)
    assert loss == pytest.approx(record["test_loss"], rel=1e-4)
    assert accuracy == record["test_accuracy"]


@pytest.mark.slow
def test_the_same_seed_trains_the_same_network():
    def once(seed):
        model = build_model("resnet18", 1, 2, seed=1)
        history = train(training_of(model, Recipe(2, 20, 1e-3), 60, seed=seed))[1]
        return [row | {"seconds": None} for row in history]

    assert once(4) == once(4)
    assert once(4) != once(5)


def test_a_record_says_how_it_came_about():
    record, history = quietly(tiny_model(), Recipe(2, 8, 1e-3))
    assert [set(row) for row in history] == [set(HISTORY)] * 2
    assert record["status"] == "ok"
    assert record["constant_output"] is False
    assert (record["n_train_images"], record["n_test_images"], record["image_size"]) == (26, 60, 32)
    assert record["peak_memory_mb"] > 50
    assert record["threads"] == torch.get_num_threads()
    assert "threads" in record["device"]
    assert (record["precision"], record["n_interruptions"]) == ("float32", 0)
    assert (record["deterministic"], record["cuda_graphs"]) == (True, False)
    assert sum(row["seconds"] for row in history) == pytest.approx(record["train_seconds"], abs=0.1)


def test_the_last_batch_counts_by_its_images():
    """With a learning rate of nothing, the loss met in training is that of the whole set."""
    images, labels = as_tensors(two_classes(26))
    model = tiny_model()
    model.network[1], model.network[3] = torch.nn.Identity(), torch.nn.Identity()
    # Three batches of eight images, and one of two.
    record, _ = quietly(model, Recipe(1, 8, 1e-30, 0.0))
    loss, accuracy = evaluate(model, images, labels)
    assert record["train_loss"] == pytest.approx(loss, rel=1e-5)
    assert record["train_accuracy"] == accuracy


def test_bfloat16_is_near_float32():
    exact, _ = quietly(tiny_model(), Recipe(2, 8, 1e-3))
    coarse, _ = quietly(tiny_model(), Recipe(2, 8, 1e-3), engine=Engine("bfloat16"))
    assert coarse["precision"] == "bfloat16"
    assert coarse["test_loss"] != exact["test_loss"]
    assert coarse["test_loss"] == pytest.approx(exact["test_loss"], abs=0.02)


def test_the_last_epoch_is_tested_in_the_precision_of_the_attacks():
    images, labels = as_tensors(two_classes(60, seed=9))
    model = tiny_model()
    record, history = quietly(model, Recipe(2, 8, 1e-3), engine=Engine("bfloat16"))
    assert record["test_loss"] == evaluate(model, images, labels)[0]
    # The tests before it are not.
    after_one = tiny_model()
    quietly(after_one, Recipe(1, 8, 1e-3), engine=Engine("bfloat16"))
    assert history[0]["test_loss"] == evaluate(after_one, images, labels, "bfloat16")[0]
    assert history[0]["test_loss"] != evaluate(after_one, images, labels)[0]


def test_a_constant_output_is_recorded():
    model = build_model("squeezenet1_1", 1, 2, seed=0)
    with torch.no_grad():
        # Dead ReLUs before the logits: what intensities of [0, 255] can do to a SqueezeNet.
        model.network.classifier[1].bias.fill_(-1e6)
    stream = io.StringIO()
    record, _ = train(training_of(model, Recipe(1, 10, 1e-4)), Reporter(stream))
    assert record["status"] == "ok"
    assert record["test_loss"] == pytest.approx(np.log(2))
    assert record["constant_output"] is True
    assert "the network's output is constant" in stream.getvalue()


def test_divergence_is_recorded_not_hidden():
    model = build_model("resnet18", 1, 2, seed=1)
    with torch.no_grad():
        model.network.fc.weight.fill_(torch.inf)
    stream = io.StringIO()
    record, history = train(training_of(model, Recipe(3, 10, 1e-3)), Reporter(stream))
    assert record["status"] == "diverged"
    assert record["diverged_at_epoch"] == 1
    assert record["test_loss"] is None
    assert record["constant_output"] is None
    assert history == []
    assert "epoch 1: the loss is no longer finite" in stream.getvalue()
