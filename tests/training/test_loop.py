"""Training: what is learned, what is recorded, and that it repeats."""

import copy
import io

import numpy as np
import pytest
import torch

from idsharp.common.progress import Reporter
from idsharp.models.build import ScaledModel, build_model
from idsharp.models.determinism import AveragePool, replace_pooling
from idsharp.models.inference import constant, predict
from idsharp.tasks.subsets import LabelledImages
from idsharp.training.adam import Adam
from idsharp.training.loop import Engine, Recipe, batches, evaluate, train
from idsharp.training.record import HISTORY
from tests.conftest import blobs


def two_classes(n, seed=0):
    images = np.concatenate([blobs(n // 2, 0, seed), blobs(n // 2, 1, seed)])[:, None]
    order = np.random.default_rng(seed).permutation(n)
    labels = (np.arange(n) // (n // 2))[order]
    return LabelledImages(images[order], labels, [f"image{i}" for i in range(n)])


def as_tensors(part):
    return torch.from_numpy(part.images), torch.from_numpy(part.labels)


def test_adam_equals_torch_optim():
    torch.manual_seed(0)
    ours = torch.nn.Linear(5, 3)
    peers = copy.deepcopy(ours)
    step = Adam(list(ours.parameters()), 1e-2, 1e-2)
    peer = torch.optim.Adam(peers.parameters(), lr=1e-2, weight_decay=1e-2)
    for _ in range(20):
        batch = torch.rand(7, 5)
        for model in (ours, peers):
            model(batch).square().sum().backward()
        step.step()
        peer.step()
        peer.zero_grad()
    for a, b in zip(ours.parameters(), peers.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)


def test_batches_cover_everything_once_and_never_hold_one_image():
    for n, size in [(41, 40), (81, 40), (80, 40), (5, 40), (7, 6)]:
        parts = batches(n, size, torch.Generator().manual_seed(0))
        assert sorted(torch.cat(parts).tolist()) == list(range(n))
        assert min(len(part) for part in parts) > 1


@pytest.fixture(scope="module")
def trained():
    model = build_model("resnet18", 1, 2, seed=1)
    record, history = train(
        model, two_classes(120), two_classes(60, seed=9), Recipe(8, 20, 1e-3), 3,
        torch.device("cpu"),
    )  # fmt: skip
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
        options = (Recipe(2, 20, 1e-3), seed, torch.device("cpu"), lambda line: None)
        history = train(model, two_classes(60), two_classes(20), *options)[1]
        return [row | {"seconds": None} for row in history]

    assert once(4) == once(4)
    assert once(4) != once(5)


def tiny_model(seed=0):
    """A convolution, batch normalisation and dropout: all kinds of state that a network has."""
    torch.manual_seed(seed)
    layers = [
        torch.nn.Conv2d(1, 4, 3, stride=4), torch.nn.BatchNorm2d(4), torch.nn.ReLU(),
        torch.nn.Dropout(0.5), torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten(),
        torch.nn.Linear(16, 2),
    ]  # fmt: skip
    return ScaledModel(torch.nn.Sequential(*layers), 1.0)


def quietly(model, recipe, seed=3, n=26, **options):
    """Train on `n` images and test on 60, without a word."""
    sets = (two_classes(n), two_classes(60, seed=9))
    device = torch.device("cpu")
    return train(model, *sets, recipe, seed, device, **options)


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


def test_a_network_that_puts_out_the_same_for_every_image_is_named():
    model = build_model("squeezenet1_1", 1, 2, seed=0)
    with torch.no_grad():
        # Dead ReLUs before the logits: what intensities of [0, 255] can do to a SqueezeNet.
        model.network.classifier[1].bias.fill_(-1e6)
    stream = io.StringIO()
    options = (Recipe(1, 10, 1e-4), 0, torch.device("cpu"), Reporter(stream))
    record, _ = train(model, two_classes(20), two_classes(20), *options)
    assert record["status"] == "ok"
    assert record["test_loss"] == pytest.approx(np.log(2))
    assert record["constant_output"] is True
    assert "the same for every image" in stream.getvalue()


def test_constant_logits():
    logits = torch.tensor([[3.0, -1.0]]).repeat(4, 1)
    assert constant(logits)
    assert constant(torch.zeros(3, 2))
    logits[2, 1] += 1e-3
    assert not constant(logits)


@pytest.mark.parametrize("size", [1, 2, 5, 7, 9, 14])
def test_pooling_by_matrices_is_adaptive_pooling(size):
    torch.manual_seed(0)
    maps = torch.rand(2, 3, size, size + 1, requires_grad=True)
    ours, theirs = AveragePool((7, 7))(maps), torch.nn.AdaptiveAvgPool2d(7)(maps)
    torch.testing.assert_close(ours, theirs)
    weights = torch.rand_like(ours)
    gradients = [torch.autograd.grad((out * weights).sum(), maps)[0] for out in (ours, theirs)]
    torch.testing.assert_close(*gradients)


def test_only_pooling_to_more_than_one_value_is_replaced():
    for name, replaced in (("vgg13", True), ("resnet18", False)):
        model = build_model(name, 1, 2, seed=0).eval()
        images = torch.randint(0, 256, (2, 1, 64, 64), dtype=torch.uint8)
        before = predict(model, images)
        replace_pooling(model)
        assert isinstance(model.network.avgpool, AveragePool) is replaced
        torch.testing.assert_close(predict(model, images), before)


def test_divergence_is_recorded_not_hidden():
    model = build_model("resnet18", 1, 2, seed=1)
    with torch.no_grad():
        model.network.fc.weight.fill_(torch.inf)
    record, history = train(
        model, two_classes(20), two_classes(20), Recipe(3, 10, 1e-3), 0, torch.device("cpu"),
    )  # fmt: skip
    assert record["status"] == "diverged"
    assert record["diverged_at_epoch"] == 1
    assert record["test_loss"] is None
    assert record["constant_output"] is None
    assert history == []
