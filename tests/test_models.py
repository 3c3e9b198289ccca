"""Networks, training and checkpoints."""

import copy
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml

from idsharp.models import MODELS, build_model, load_checkpoint, penultimate, save_checkpoint
from idsharp.training import Adam, Recipe, batches, evaluate, train
from tests.conftest import blobs

# Width of the penultimate representation, from the networks' papers.
WIDTHS = {
    "resnet18": 512, "resnet34": 512, "resnet50": 2048, "vgg13": 4096, "vgg16": 4096,
    "vgg19": 4096, "squeezenet1_1": 512, "densenet121": 1024, "densenet169": 1664,
}  # fmt: skip


def two_classes(n, seed=0):
    images = np.concatenate([blobs(n // 2, 0, seed), blobs(n // 2, 1, seed)])[:, None]
    order = np.random.default_rng(seed).permutation(n)
    return images[order], (np.arange(n) // (n // 2))[order]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("channels", [1, 3])
def test_all_networks(name, channels):
    model = build_model(name, channels, 2, seed=0).eval()
    images = torch.rand(2, channels, 32, 32)
    with penultimate(model, name) as collected, torch.no_grad():
        logits = model(images)
    assert logits.shape == (2, 2)
    assert collected[0].shape == (2, WIDTHS[name])
    with torch.no_grad():
        model(images)
    assert len(collected) == 1, "the hook must be gone after the block"


def test_penultimate_is_what_the_head_sees():
    model = build_model("resnet18", 1, 2, seed=0).eval()
    with penultimate(model, "resnet18") as collected, torch.no_grad():
        logits = model(torch.rand(3, 1, 32, 32))
    torch.testing.assert_close(model.network.fc(collected[0]), logits)
    # VGG: before the ReLU, which works in place and would otherwise clip what was kept.
    vgg = build_model("vgg13", 1, 2, seed=0).eval()
    with penultimate(vgg, "vgg13") as collected, torch.no_grad():
        logits = vgg(torch.rand(3, 1, 32, 32))
    assert (collected[0] < 0).any()
    torch.testing.assert_close(vgg.network.classifier[6](collected[0].relu()), logits)


def test_unknown_network_is_named():
    with pytest.raises(ValueError, match=r"resnet19.*allowed are resnet18"):
        build_model("resnet19", 1, 2, seed=0)


def test_schema_allows_exactly_these_networks(root):
    schema = yaml.safe_load((root / "rules" / "config.schema.yaml").read_text())
    assert schema["$defs"]["model"]["enum"] == list(MODELS)


def test_weights_depend_on_the_seed_alone():
    torch.manual_seed(1)
    first = build_model("resnet18", 1, 2, seed=5)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    second = build_model("resnet18", 1, 2, seed=5)
    assert (torch.get_rng_state() == state).all()
    other = build_model("resnet18", 1, 2, seed=6)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(first.network.conv1.weight, other.network.conv1.weight)


def test_inputs_are_scaled_to_the_papers_intensities():
    model = build_model("resnet18", 1, 2, seed=0).eval()
    image = torch.rand(2, 1, 32, 32)
    torch.testing.assert_close(model(image), model.network(image * 255))


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
        torch.device("cpu"), report=lambda line: None,
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
    images, labels = map(torch.from_numpy, two_classes(60, seed=9))
    loss, accuracy = evaluate(model, images, labels, batch_size=7)
    assert loss == pytest.approx(record["test_loss"], rel=1e-4)
    assert accuracy == record["test_accuracy"]


@pytest.mark.slow
def test_checkpoints_restore_the_model(trained, tmp_path):
    model, _, _ = trained
    save_checkpoint(model, tmp_path / "model.pt")
    restored = load_checkpoint(build_model("resnet18", 1, 2, seed=99), tmp_path / "model.pt")
    images = torch.rand(4, 1, 32, 32)
    torch.testing.assert_close(restored(images), model(images))


@pytest.mark.slow
def test_the_same_seed_trains_the_same_network():
    def once(seed):
        model = build_model("resnet18", 1, 2, seed=1)
        options = (Recipe(2, 20, 1e-3), seed, torch.device("cpu"), lambda line: None)
        return train(model, two_classes(60), two_classes(20), *options)[1]

    assert once(4) == once(4)
    assert once(4) != once(5)


def test_divergence_is_recorded_not_hidden():
    model = build_model("resnet18", 1, 2, seed=1)
    with torch.no_grad():
        model.network.fc.weight.fill_(torch.inf)
    record, history = train(
        model, two_classes(20), two_classes(20), Recipe(3, 10, 1e-3), 0, torch.device("cpu"),
        report=lambda line: None,
    )  # fmt: skip
    assert record["status"] == "diverged"
    assert record["diverged_at_epoch"] == 1
    assert record["test_loss"] is None
    assert history == []


def test_start_up_does_not_import_the_compiler(root):
    """torch._dynamo costs every job seconds; nothing here compiles."""
    code = (
        "import sys; from idsharp.models import build_model; from idsharp.training import Adam; "
        "import torch; m = build_model('resnet18', 1, 2, 0).eval(); "
        "m(torch.rand(2, 1, 32, 32)).sum().backward(); "
        "Adam([p for p in m.parameters()], 1e-3, 0).step(); "
        "assert 'torch._dynamo' not in sys.modules; import torch._dynamo.utils; "
        "from torchvision.ops.roi_align import is_compile_supported as f; "
        "assert f('cpu') == torch._dynamo.utils.is_compile_supported('cpu')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
