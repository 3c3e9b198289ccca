"""Attacks on whole test sets: records by their definitions, restarts, files, and the example."""

import io
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, softplus

from idsharp.attacks import evaluate
from idsharp.attacks.evaluate import attack_network, examples, random_start
from idsharp.attacks.files import (
    choose_example,
    read_example,
    write_examples,
    write_per_image,
)
from idsharp.attacks.gradient import fgsm, pgd
from idsharp.attacks.plan import AttackError, AttackPlan, Outcomes, attack_records
from idsharp.common.progress import Reporter
from idsharp.models.build import build_model
from idsharp.report.figures.attacks import attack_examples
from idsharp.tasks.subsets import LabelledImages

CPU = torch.device("cpu")
BOTH = AttackPlan(("fgsm", "pgd"), (1, 4), pgd_steps=3, pgd_restarts=2)


class Waves(nn.Module):
    """A two-class network whose loss has many tops, so that the start of PGD matters."""

    def __init__(self, outputs: int = 2):
        super().__init__()
        weights = torch.randn(outputs, 64, generator=torch.Generator().manual_seed(0))
        self.weights = nn.Parameter(weights)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.sin(60 * images.flatten(1)) @ self.weights.T


@pytest.fixture(scope="module")
def held_out():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (30, 1, 8, 8), dtype=np.uint8)
    return LabelledImages(images, np.arange(30) % 2, [f"image{i}" for i in range(30)])


@pytest.fixture(scope="module")
def outcomes(held_out):
    return attack_network(Waves(), held_out, BOTH, "task", CPU, batch_size=7)


def as_tensors(held_out):
    return torch.from_numpy(held_out.images).float() / 255, torch.from_numpy(held_out.labels)


def test_records_of_fgsm_on_a_resnet_are_as_defined():
    network = build_model("resnet18", 1, 2, seed=0, input_scale=1.0).eval()
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (10, 1, 32, 32), dtype=np.uint8)
    held_out = LabelledImages(images, np.arange(10) % 2, list(map(str, range(10))))
    plan = AttackPlan(("fgsm",), (1, 4))
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
    results = []
    for restart in range(2):
        start = random_start("task", held_out.ids, restart, (1, 8, 8))
        attacked = pgd(model, images, labels, 4 / 255, 3, size, start)
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
    plans = [AttackPlan(("pgd",), (4,), 3, 2.5, restarts) for restarts in (1, 2, 4)]
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
    plan = AttackPlan(("pgd",), (8,), pgd_steps=1, pgd_restarts=16)
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
    fared = attack_network(model, held_out, AttackPlan(("fgsm",), (1,)), "task", CPU)
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

    plan = AttackPlan(("fgsm",), (1,))
    fared = attack_network(Sure(), held_out, plan, "task", CPU)
    np.testing.assert_array_equal(fared.zero_gradient, held_out.labels == 0)
    record = attack_records(fared, plan)[0]
    assert record["n_zero_gradient"] == 15
    assert record["n_attacked_correct"] == 15


def test_overflowing_logits_are_an_error(held_out):
    class Overflow(Waves):
        def forward(self, images):
            return super().forward(images) * 1e38 * 1e3

    with pytest.raises(AttackError, match="30 images, such as image0, is not finite"):
        attack_network(Overflow(), held_out, AttackPlan(("fgsm",), (1,)), "task", CPU)


def test_progress_reaches_the_end(held_out):
    stream = io.StringIO()
    attack_network(Waves(), held_out, BOTH, "task", CPU, Reporter(stream, every=0), batch_size=15)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2 * (1 + 4)
    assert lines[-1].startswith("attack: done")


def test_unknown_attacks_are_refused():
    with pytest.raises(AttackError, match=r"unknown attack 'cw'; there are: fgsm, pgd"):
        AttackPlan(("fgsm", "cw"), (1,))


def test_an_image_that_an_attack_sets_right_is_not_robust():
    clean, attacked = np.array([True, True, False, False]), np.array([True, False, True, False])
    numbers = np.zeros((2, 4))
    fared = Outcomes(numbers, numbers, np.array([clean, attacked]), np.zeros(4, bool))
    (record,) = attack_records(fared, AttackPlan(("fgsm",), (1,)))
    assert (record["n_attacked_correct"], record["n_robust"]) == (2, 1)
    assert (record["attacked_accuracy"], record["robust_accuracy"]) == (0.5, 0.25)


NAMES = {"task": "task", "model": "waves"}


def test_the_table_follows_from_the_per_image_file(tmp_path, held_out, outcomes):
    runs = [({"n_train": 100, "seed": seed}, outcomes) for seed in (0, 1)]
    write_per_image(tmp_path / "a.npz", NAMES, held_out, runs, BOTH)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        kept = {name: file[name] for name in file.files}
    assert kept["image_id"].tolist() == held_out.ids
    assert (kept["n_train"].tolist(), kept["seed"].tolist()) == ([100, 100], [0, 1])
    assert kept["loss"].shape == kept["margin"].shape == kept["correct"].shape == (2, 5, 30)
    assert kept["attack"].tolist() == ["none", "fgsm", "fgsm", "pgd", "pgd"]
    assert (kept["task"], kept["model"], kept["pgd_restarts"]) == ("task", "waves", 2)
    about = str(kept["about"])
    assert all(name in about for name in kept)
    for row, record in enumerate(attack_records(outcomes, BOTH), start=1):
        assert (kept["attack"][row], kept["epsilon_255"][row]) == (
            record["attack"],
            record["epsilon_255"],
        )
        penalty = kept["loss"][0, row].mean() - kept["loss"][0, 0].mean()
        assert penalty == pytest.approx(record["loss_penalty"], rel=1e-5)
        assert kept["correct"][0, row].sum() == record["n_attacked_correct"]
    assert (tmp_path / "a.npz").stat().st_size < 20_000


def test_a_per_image_file_where_every_run_diverged(tmp_path, held_out):
    write_per_image(tmp_path / "a.npz", NAMES, held_out, [], BOTH)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        assert file["loss"].shape == (0, 5, 30)
        assert file["zero_gradient"].shape == (0, 30)


def test_the_example_is_the_turned_image_of_median_margin():
    margin = np.array([[5.0, 1.0, 3.0, 2.0, -1.0, 9.0], [1.0, -1.0, -2.0, -3.0, -4.0, 0.5]])
    fared = Outcomes(margin, margin, margin > 0, np.zeros(6, bool))
    # Images 1, 2, 3 are turned, with clean margins 1, 3, 2; image 4 was wrong before.
    assert choose_example(fared, 1) == 3
    unmoved = Outcomes(margin, margin, np.array([margin[0] > 0] * 2), fared.zero_gradient)
    assert choose_example(unmoved, 1) == 3
    none_right = Outcomes(margin, margin, np.zeros((2, 6), bool), fared.zero_gradient)
    assert choose_example(none_right, 1) == 4


def test_an_example_reads_back_as_it_was(tmp_path, held_out, outcomes):
    names = NAMES | {"n_train": 100, "seed": 0}
    model = Waves().eval()
    write_examples(tmp_path / "e.npz", examples(names, model, outcomes, held_out, BOTH, CPU))
    for row, epsilon in enumerate(BOTH.epsilons, start=1):
        example = read_example(tmp_path / "e.npz", epsilon)
        i = choose_example(outcomes, row)
        assert (example.image_id, example.label) == (held_out.ids[i], held_out.labels[i])
        assert (example.task, example.n_train, example.attacks) == ("task", 100, ("fgsm", "pgd"))
        np.testing.assert_array_equal(example.clean, held_out.images[i])
        images, labels = (part[i : i + 1] for part in as_tensors(held_out))
        attacked = fgsm(model, images, labels, epsilon / 255)
        shown = example.clean / 255 + example.perturbation[0] * epsilon / 255
        np.testing.assert_allclose(shown, attacked[0].numpy(), atol=epsilon / 255 / 127)
        with torch.no_grad():
            probability, predicted = model(attacked).softmax(dim=1).max(dim=1)
        assert example.predicted[1] == predicted.item()
        assert example.probability[1] == pytest.approx(probability.item(), rel=1e-4)
        np.testing.assert_array_equal(
            example.predicted == example.label, outcomes.correct[[0, row, row + 2], i]
        )
    assert read_example(tmp_path / "e.npz", 3) is None
    write_examples(tmp_path / "none.npz", [])
    assert read_example(tmp_path / "none.npz", 1) is None


@pytest.mark.parametrize("attacks", [("fgsm",), ("fgsm", "pgd")], ids="-".join)
def test_the_example_figure_shows_predictions_and_cuts_nothing_off(held_out, outcomes, attacks):
    plan = AttackPlan(attacks, BOTH.epsilons, BOTH.pgd_steps)
    names, columns = NAMES | {"n_train": 100, "seed": 0}, 1 + 2 * len(attacks)
    example = examples(names, Waves().eval(), outcomes, held_out, plan, CPU)[1]
    classes = {0: "no haemorrhage at all", 1: "a subarachnoid haemorrhage"}
    tasks = ["rsna_subarachnoid_v_none", "cifar10_3v5", "gone"]
    datasets = pd.DataFrame({"task": tasks, "domain": ["radiology", "natural", "natural"]})
    datasets["note"] = ["", "", "everything here is made up " * 6]
    shown = {tasks[0]: (example, classes), tasks[1]: (example, {}), tasks[2]: (None, classes)}
    figure = attack_examples(shown, datasets, 4)
    figure.savefig(io.BytesIO(), format="png", dpi=50)
    texts = [axis.get_xlabel() for axis in figure.axes[:columns]]
    words = " ".join(texts).replace("\n", " ")
    wrong = int((example.predicted != example.label).sum())
    assert words.count("✗") == wrong > 0
    assert all(classes[int(p)].split()[-1] in words for p in example.predicted)
    assert "no class" in " ".join(axis.get_xlabel() for axis in figure.axes[columns : 2 * columns])
    assert any(text.get_text() == "no trained network" for text in figure.axes[2 * columns].texts)
    # A little is allowed for: the box of a text has a margin of its own.
    box = figure.get_tightbbox()
    assert box.x0 >= -0.02
    assert box.y0 >= -0.02
    assert box.x1 <= figure.get_size_inches()[0] + 0.02
    assert box.y1 <= figure.get_size_inches()[1] + 0.02
