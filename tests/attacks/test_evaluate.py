"""Attacks on whole test sets, by their definitions."""

import io
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, softplus

from idsharp.attacks import evaluate
from idsharp.attacks.base import Attack, AttackError, Batch
from idsharp.attacks.evaluate import attack_network, attack_networks, choose_example
from idsharp.attacks.fgsm import FGSM, fgsm
from idsharp.attacks.files import write_per_image
from idsharp.attacks.outcomes import Outcomes, attack_records
from idsharp.attacks.pgd import PGD, pgd
from idsharp.attacks.plan import AttackPlan
from idsharp.common.progress import Reporter
from idsharp.models.build import build_model
from idsharp.tasks.subsets import LabelledImages
from tests.attacks.conftest import BOTH, CPU, FGSM_ALONE, NAMES, Waves, as_tensors


def test_records_of_fgsm_on_a_resnet_are_as_defined():
    network = build_model("resnet18", 1, 2, seed=0, input_scale=1.0).eval()
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (10, 1, 32, 32), dtype=np.uint8)
    held_out = LabelledImages(images, np.arange(10) % 2, list(map(str, range(10))))
    plan = AttackPlan((FGSM(),), (1, 4))
    records = attack_records(attack_network(network, held_out, plan, "t", CPU, batch_size=7), plan)
    assert [record["epsilon_255"] for record in records] == [1, 4]
    inputs, truth = as_tensors(held_out)
    for record in records:
        attacked = fgsm(network, inputs, truth, record["epsilon_255"] / 255)
        with torch.no_grad():
            clean, hurt = network(inputs), network(attacked)
        assert record["clean_loss"] == pytest.approx(cross_entropy(clean, truth).item(), rel=1e-4)
        assert record["attacked_loss"] == pytest.approx(cross_entropy(hurt, truth).item(), rel=1e-3)
        difference = record["attacked_loss"] - record["clean_loss"]
        assert record["loss_penalty"] == pytest.approx(difference)
        right = (hurt.argmax(1) == truth).sum().item()
        assert record["n_attacked_correct"] == right
        assert record["attacked_accuracy"] == right / 10
        both = ((hurt.argmax(1) == truth) & (clean.argmax(1) == truth)).sum().item()
        assert (record["n_robust"], record["robust_accuracy"]) == (both, both / 10)
        assert record["n_zero_gradient"] == 0
        assert (record["steps"], record["restarts"]) == (1, 1)


def test_pgd_keeps_the_worst_of_its_restarts(held_out, outcomes):
    model, (images, labels) = Waves().eval(), as_tensors(held_out)
    size = 2.5 * 4 / 3 / 255
    batch = Batch(model, held_out, "task", CPU)
    results = []
    for restart in range(2):
        attacked = pgd(model, images, labels, 4 / 255, 3, size, batch.noise("pgd", restart))
        logits = model(attacked).detach()
        loss = cross_entropy(logits, labels, reduction="none")
        results.append((logits.argmax(1) == labels, loss))
    (right_0, loss_0), (right_1, loss_1) = results
    fooled = (right_0 & right_1).numpy()
    np.testing.assert_array_equal(outcomes.correct[4], fooled)
    worst = torch.where(right_0 == right_1, loss_0.maximum(loss_1), loss_0)
    worst = torch.where(right_0 & ~right_1, loss_1, worst)
    np.testing.assert_allclose(outcomes.loss[4], worst.numpy(), rtol=1e-4, atol=1e-6)
    assert (loss_0 > loss_1).any()
    assert (loss_1 > loss_0).any()


def test_more_restarts_never_help_the_network(held_out):
    plans = [AttackPlan((PGD(3, 2.5, restarts),), (4,)) for restarts in (1, 2, 4)]
    fared = [attack_network(Waves(5), held_out, plan, "task", CPU) for plan in plans]
    for fewer, more in pairwise(fared):
        assert (more.correct[1] <= fewer.correct[1]).all()
        same = more.correct[1] == fewer.correct[1]
        assert (more.loss[1] >= fewer.loss[1])[same].all()


def test_a_restart_that_fools_counts_before_one_of_higher_loss():
    class Cliff(nn.Module):
        """Bright: wrong by a little. Dark: right, but by so little of many outputs that the loss
        is higher. No gradient, so that PGD stays where it starts."""

        bright = torch.tensor([0.0, 0.1] + [-50.0] * 9)
        dark = torch.tensor([0.0] + [-0.01] * 10)

        def forward(self, images):
            is_bright = images.flatten(1) > 0.5
            return torch.where(is_bright, self.bright, self.dark) + 0 * images.flatten(1)

    pixels = np.full((6, 1, 1, 1), 127, dtype=np.uint8)
    grey = LabelledImages(pixels, np.zeros(6, int), list("abcdef"))
    plan = AttackPlan((PGD(steps=1, restarts=16),), (8,))
    fared = attack_network(Cliff(), grey, plan, "task", CPU)
    logits, truth = torch.stack([Cliff.bright, Cliff.dark]), torch.zeros(2, dtype=int)
    losses = cross_entropy(logits, truth, reduction="none")
    assert losses[0] < losses[1]
    assert not fared.correct[1].any()
    np.testing.assert_allclose(fared.loss[1], losses[0], rtol=1e-5)
    np.testing.assert_allclose(fared.loss[0], losses[1], rtol=1e-5)
    assert fared.zero_gradient.all()


def test_outcomes_depend_on_neither_the_batch_nor_the_order_of_images(held_out, outcomes):
    order = np.random.default_rng(1).permutation(30)
    ids = [held_out.ids[i] for i in order]
    shuffled = LabelledImages(held_out.images[order], held_out.labels[order], ids)
    again = attack_network(Waves(), shuffled, BOTH, "task", CPU, batch_size=30)
    np.testing.assert_allclose(again.loss, outcomes.loss[:, order], rtol=1e-3, atol=1e-4)
    another_task = attack_network(Waves(), held_out, BOTH, "other", CPU)
    assert not np.allclose(another_task.loss[3:], outcomes.loss[3:], rtol=1e-3)
    np.testing.assert_allclose(another_task.loss[:3], outcomes.loss[:3], rtol=1e-3, atol=1e-4)


def test_large_images_are_attacked_a_few_at_a_time(held_out, monkeypatch):
    sizes = []

    class Counted(Waves):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            sizes.append(len(images))
            return super().forward(images)

    attack_network(Counted(), held_out, BOTH, "task", CPU)
    assert set(sizes) == {30}
    monkeypatch.setattr(evaluate, "_PIXELS", 4 * 8 * 8)
    attack_network(Counted(), held_out, BOTH, "task", CPU)
    assert max(sizes[sizes.index(4) :]) == 4
    monkeypatch.setattr(evaluate, "_PIXELS", 1)
    attack_network(Counted(), held_out, BOTH, "task", CPU)
    assert sizes[-1] == 1


def test_margins_are_over_all_outputs_of_the_network(held_out, outcomes):
    model, (images, labels) = Waves(1000), as_tensors(held_out)
    logits = model(images).detach().numpy()
    fared = attack_network(model, held_out, FGSM_ALONE, "task", CPU)
    true = logits[np.arange(30), labels]
    logits[np.arange(30), labels] = -np.inf
    np.testing.assert_allclose(fared.margin[0], true - logits.max(axis=1), rtol=1e-4)
    for these in (fared, outcomes):
        np.testing.assert_array_equal(these.correct, these.margin > 0)
    # With two outputs the loss is a function of the margin.
    loss = softplus(-torch.from_numpy(outcomes.margin)).numpy()
    np.testing.assert_allclose(outcomes.loss, loss, rtol=1e-9)


def test_vanished_gradients_are_counted(held_out):
    class Sure(Waves):
        """So sure of half of its predictions that their gradients underflow."""

        def forward(self, images):
            logits = torch.zeros(len(images), 2)
            return logits + images.flatten(1).mean(dim=1, keepdim=True) * torch.tensor([1e5, 0])

    fared = attack_network(Sure(), held_out, FGSM_ALONE, "task", CPU)
    np.testing.assert_array_equal(fared.zero_gradient, held_out.labels == 0)
    record = attack_records(fared, FGSM_ALONE)[0]
    assert record["n_zero_gradient"] == 15
    assert record["n_attacked_correct"] == 15


def test_overflowing_logits_are_an_error(held_out):
    class Overflow(Waves):
        def forward(self, images):
            return super().forward(images) * 1e38 * 1e3

    with pytest.raises(AttackError, match="30 images, such as image0, is not finite"):
        attack_network(Overflow(), held_out, FGSM_ALONE, "task", CPU)


def test_progress_reaches_the_end(held_out):
    stream = io.StringIO()
    attack_network(Waves(), held_out, BOTH, "task", CPU, Reporter(stream, every=0), batch_size=15)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2 * (1 + 4)
    assert lines[-1].startswith("attack: done")


def named(n_train, seed=0, status="ok"):
    return NAMES | {"n_train": n_train, "seed": seed, "status": status}


def test_networks_that_did_not_train_leave_gaps_and_the_largest_gives_the_examples(held_out):
    networks = [
        (named(100), Waves()), (named(200), Waves()), (named(200, 1), Waves()),
        (named(400, status="diverged"), None),
    ]  # fmt: skip
    found = attack_networks(networks, held_out, BOTH, CPU)
    assert [row["n_train"] for row in found.rows[::4]] == [100, 200, 200, 400]
    assert len(found.rows) == 16
    assert [(row["attack"], row["epsilon_255"]) for row in found.rows[-4:]] == BOTH.conditions
    assert all("loss_penalty" not in row for row in found.rows[-4:])
    assert found.rows[0] == named(100) | attack_records(found.runs[0][1], BOTH)[0]
    assert [names["n_train"] for names, _ in found.runs] == [100, 200, 200]
    assert [example.epsilon_255 for example in found.examples] == list(BOTH.epsilons)
    assert {(example.n_train, example.seed) for example in found.examples} == {(200, 0)}


def test_without_a_trained_network_there_is_no_example(held_out):
    found = attack_networks([(named(100, status="diverged"), None)], held_out, BOTH, CPU)
    assert (found.runs, found.examples) == ([], [])
    assert len(found.rows) == 4


def test_a_new_attack_needs_no_change_elsewhere(held_out, tmp_path):
    """An attack that the evaluation has never heard of."""

    @dataclass(frozen=True)
    class Brighten(Attack):
        name: ClassVar[str] = "brighten"
        strength: float = field(default=1.0, metadata={"help": "share of ε"})
        cost: ClassVar[int] = 1

        def settings(self, epsilon):
            return {"steps": 1, "step_size_255": self.strength * epsilon, "restarts": 1}

        def candidates(self, batch, epsilon):
            yield (batch.images + self.strength * epsilon / 255).clamp(max=1)

    plan = AttackPlan((Brighten(0.5),), (2,))
    found = attack_networks([(named(100), Waves())], held_out, plan, CPU)
    assert (found.rows[0]["attack"], found.rows[0]["step_size_255"]) == ("brighten", 1.0)
    write_per_image(tmp_path / "a.npz", NAMES, held_out, found.runs, plan)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        assert file["brighten_strength"] == 0.5
        assert "share of ε" in str(file["about"])


def test_the_example_is_the_turned_image_of_median_margin():
    margin = np.array([[5.0, 1.0, 3.0, 2.0, -1.0, 9.0], [1.0, -1.0, -2.0, -3.0, -4.0, 0.5]])
    fared = Outcomes(margin, margin, margin > 0, np.zeros(6, bool))
    # Images 1, 2, 3 are turned, with clean margins 1, 3, 2; image 4 was wrong before.
    assert choose_example(fared, 1) == 3
    unmoved = Outcomes(margin, margin, np.array([margin[0] > 0] * 2), fared.zero_gradient)
    assert choose_example(unmoved, 1) == 3
    none_right = Outcomes(margin, margin, np.zeros((2, 6), bool), fared.zero_gradient)
    assert choose_example(none_right, 1) == 4
