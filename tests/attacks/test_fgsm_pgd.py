"""FGSM and PGD against closed forms, their definitions, torchattacks and foolbox."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from idsharp.attacks.fgsm import fgsm
from idsharp.attacks.gradient import loss_gradient, vanished
from idsharp.attacks.pgd import pgd
from idsharp.models.build import build_model


class Linear(nn.Module):
    """Logits 0 and w·x: the gradient of the loss is known in closed form."""

    def __init__(self, weights: torch.Tensor):
        super().__init__()
        self.weights = weights

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        score = (images.flatten(1) * self.weights).sum(dim=1)
        return torch.stack([torch.zeros_like(score), score], dim=1)


WEIGHTS = torch.tensor([1.0, -2.0, 0.5, -0.1])


def test_direction_bound_and_loss_of_a_linear_model():
    model = Linear(WEIGHTS).eval()
    images = torch.full((2, 1, 2, 2), 0.5)
    labels = torch.tensor([0, 1])
    attacked = fgsm(model, images, labels, 0.1)
    # Class 0 is hurt by raising w·x, class 1 by lowering it.
    sign = WEIGHTS.sign().reshape(1, 2, 2)
    torch.testing.assert_close(attacked[0], 0.5 + 0.1 * sign)
    torch.testing.assert_close(attacked[1], 0.5 - 0.1 * sign)
    # The score moves by ε·‖w‖₁ exactly.
    scores = model(attacked)[:, 1] - model(images)[:, 1]
    torch.testing.assert_close(scores, 0.1 * WEIGHTS.abs().sum() * torch.tensor([1.0, -1.0]))


def test_clipped_to_the_image_range():
    model = Linear(WEIGHTS).eval()
    images = torch.tensor([0.0, 1.0, 0.95, 0.02]).reshape(1, 1, 2, 2)
    attacked = fgsm(model, images, torch.tensor([0]), 0.1)
    torch.testing.assert_close(attacked.flatten(), torch.tensor([0.1, 0.9, 1.0, 0.0]))


class Hill(nn.Module):
    """Logits 0 and −100·Σ(x − top)²: between a start and the far side of the ball lies a top."""

    top = 0.53

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        score = -100 * ((images - self.top) ** 2).flatten(1).sum(dim=1)
        return torch.stack([torch.zeros_like(score), score], dim=1)


def noise(images, seed=0):
    return torch.rand(images.shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_both_reach_the_worst_case_of_a_linear_model_exactly():
    """Under an L∞ bound it is the corner x ± ε·sign(w), clipped; its loss has a closed form."""
    model, epsilon = Linear(WEIGHTS).eval(), 0.1
    images = torch.rand(20, 1, 2, 2, generator=torch.Generator().manual_seed(1))
    labels = torch.arange(20) % 2
    toward = (1 - 2.0 * labels)[:, None, None, None] * WEIGHTS.sign().reshape(1, 1, 2, 2)
    worst = (images + epsilon * toward).clamp(0, 1)
    assert torch.equal(fgsm(model, images, labels, epsilon), worst)
    for start in (None, noise(images)):
        reached = pgd(model, images, labels, epsilon, 10, 2.5 * epsilon / 10, start)
        assert torch.equal(reached, worst)
    score = (worst.flatten(1) * WEIGHTS).sum(dim=1) * (1 - 2 * labels)
    loss = cross_entropy(model(worst), labels, reduction="none")
    torch.testing.assert_close(loss, nn.functional.softplus(score))


def test_pgd_beats_fgsm_where_the_loss_is_curved():
    model, epsilon, size = Hill().eval(), 0.1, 0.0125
    images, labels = torch.full((1, 1, 2, 2), 0.5), torch.tensor([0])
    # FGSM steps over the top and ends lower than it began.
    one_step = fgsm(model, images, labels, epsilon)
    torch.testing.assert_close(one_step, torch.full_like(images, 0.6))
    many = pgd(model, images, labels, epsilon, 20, size)
    assert (many - model.top).abs().max() <= size
    clean, single, best = (cross_entropy(model(x), labels).item() for x in (images, one_step, many))
    assert single < clean < best


def test_pgd_stays_in_the_ball_and_in_the_image_range():
    model = Linear(WEIGHTS).eval()
    images = torch.rand(50, 1, 2, 2, generator=torch.Generator().manual_seed(2))
    # Steps of the whole ball, from a corner of it: every one leads outside.
    attacked = pgd(model, images, torch.zeros(50, dtype=int), 0.1, 3, 0.2, noise(images).sign())
    assert (attacked - images).abs().max() <= 0.1 + 1e-7
    assert attacked.min() >= 0
    assert attacked.max() <= 1


def test_pgd_with_one_step_of_epsilon_is_fgsm(network, examples):
    images, labels = examples
    assert torch.equal(
        pgd(network, images, labels, 2 / 255, 1, 2 / 255), fgsm(network, images, labels, 2 / 255)
    )


def test_pgd_begins_where_it_is_told(network, examples):
    images, labels = examples
    first, second = (
        pgd(network, images, labels, 4 / 255, 3, 2 / 255, noise(images, seed)) for seed in (0, 1)
    )
    again = pgd(network, images, labels, 4 / 255, 3, 2 / 255, noise(images, 0))
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


@pytest.fixture(scope="module")
def network():
    model = build_model("resnet18", 1, 2, seed=0, input_scale=1.0)
    torch.manual_seed(0)
    model.train()
    for _ in range(3):
        model(torch.rand(16, 1, 32, 32))
    return model.eval()


@pytest.fixture(scope="module")
def examples():
    generator = torch.Generator().manual_seed(0)
    return torch.rand(12, 1, 32, 32, generator=generator), torch.arange(12) % 2


def torchattacks_peer(network, images, labels, epsilon, steps=None, size=None, start=False):
    peers = pytest.importorskip("torchattacks")
    if steps is None:
        return peers.FGSM(network, eps=epsilon)(images, labels)
    attack = peers.PGD(network, eps=epsilon, alpha=size, steps=steps, random_start=start)
    return attack(images, labels)


def foolbox_peer(network, images, labels, epsilon, steps=None, size=None, start=False):
    peers = pytest.importorskip("foolbox")
    model = peers.PyTorchModel(network, bounds=(0, 1), device=images.device)
    attack = (
        peers.attacks.LinfFastGradientAttack(random_start=False)
        if steps is None
        else peers.attacks.LinfPGD(abs_stepsize=size, steps=steps, random_start=start)
    )
    return attack.run(model, images, labels, epsilon=epsilon)


PEERS = pytest.mark.parametrize(
    "peer", [torchattacks_peer, foolbox_peer], ids=["torchattacks", "foolbox"]
)


@PEERS
@pytest.mark.parametrize("epsilon", [1 / 255, 8 / 255])
def test_fgsm_agrees_with_peers(network, examples, peer, epsilon):
    images, labels = examples
    ours, theirs = fgsm(network, images, labels, epsilon), peer(network, images, labels, epsilon)
    # Where a gradient is all but zero its sign may differ by rounding.
    gradient = loss_gradient(network, images, labels)
    clear = gradient.abs() > 1e-6 * gradient.abs().max()
    torch.testing.assert_close(ours[clear], theirs[clear], rtol=0, atol=1e-6)
    assert clear.float().mean() > 0.99


@PEERS
@pytest.mark.parametrize("random", [False, True], ids=["from the image", "from noise"])
def test_pgd_agrees_with_peers(network, examples, peer, random):
    """The same start, steps and step size; in float64, where no sign hangs on rounding."""
    images, labels = examples[0][:4].double(), examples[1][:4]
    network = copy.deepcopy(network).double()
    epsilon, steps, size = 4 / 255, 6, 1 / 255
    # Both peers draw their start as one uniform tensor from torch's generator.
    torch.manual_seed(3)
    start = torch.rand(images.shape, dtype=torch.float64) * 2 - 1 if random else None
    torch.manual_seed(3)
    theirs = peer(network, images, labels, epsilon, steps, size, random)
    ours = pgd(network, images, labels, epsilon, steps, size, start)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    assert cross_entropy(network(ours), labels) > cross_entropy(network(images), labels)


@PEERS
def test_pgd_agrees_with_peers_in_float32(network, examples, peer):
    """A rounded sign moves a pixel by a step: under 3 % do, and the loss agrees to 1 %."""
    images, labels = examples
    ours = pgd(network, images, labels, 4 / 255, 10, 1 / 255)
    theirs = peer(network, images, labels, 4 / 255, 10, 1 / 255)
    assert ((ours - theirs).abs() > 1e-6).float().mean() < 0.03
    with torch.no_grad():
        losses = [cross_entropy(network(x), labels, reduction="none") for x in (ours, theirs)]
    torch.testing.assert_close(*losses, rtol=1e-2, atol=1e-4)


def test_stays_within_the_bound_and_raises_the_loss(network, examples):
    images, labels = examples
    attacked = fgsm(network, images, labels, 2 / 255)
    assert (attacked - images).abs().max() <= 2 / 255 + 1e-7
    assert attacked.min() >= 0
    assert attacked.max() <= 1
    assert cross_entropy(network(attacked), labels) > cross_entropy(network(images), labels)
    assert torch.equal(fgsm(network, images, labels, 0), images)


def test_the_gradient_of_an_image_does_not_depend_on_its_batch(network, examples):
    images, labels = examples
    together = loss_gradient(network, images, labels)
    alone = loss_gradient(network, images[3:4], labels[3:4])
    torch.testing.assert_close(together[3:4], alone, rtol=1e-3, atol=1e-8)


def test_refuses_what_makes_no_sense(network, examples):
    images, labels = examples
    for attack in (fgsm, lambda *arguments: pgd(*arguments, 5, 0.1)):
        with pytest.raises(ValueError, match="training mode"):
            attack(Linear(WEIGHTS).train(), images, labels, 0.1)
        with pytest.raises(ValueError, match=r"must lie in \[0, 1\], found"):
            attack(network, images * 255, labels, 0.1)
        with pytest.raises(ValueError, match=r"must lie in \[0, 1\], found \[nan"):
            attack(network, images * torch.nan, labels, 0.1)
        with pytest.raises(ValueError, match=r"found torch.uint8; divide by 255"):
            attack(network, images.to(torch.uint8), labels, 0.1)
        with pytest.raises(ValueError, match="fraction of the intensity range, found 2"):
            attack(network, images, labels, 2)
    with pytest.raises(ValueError, match="at least one step, found 0"):
        pgd(network, images, labels, 0.1, 0, 0.1)
    with pytest.raises(ValueError, match=r"5 steps of 0\.01 end inside the bound 0.1"):
        pgd(network, images, labels, 0.1, 5, 0.01)


def test_refuses_a_part_in_training_mode(network, examples):
    half = copy.deepcopy(network)
    half.network.layer1.train()
    with pytest.raises(ValueError, match=r"training mode \(module network.layer1\)"):
        fgsm(half, *examples, 0.1)


def test_vanished_gradients_are_found_and_move_nothing():
    gradient = torch.ones(4, 1, 2, 2)
    gradient[1] = 0
    gradient[2, 0, 0, 0] = torch.nan
    gradient[3, 0, 0, 1:] = 0
    assert vanished(gradient).tolist() == [False, True, True, False]

    class Cliff(Linear):
        """A gradient that is not a number where a pixel is exactly 0."""

        def forward(self, images):
            return super().forward(images) + (images.sqrt().sum() - images.sqrt().sum())

    images = torch.tensor([0.0, 0.5, 0.5, 0.5]).reshape(1, 1, 2, 2)
    attacked = fgsm(Cliff(WEIGHTS).eval(), images, torch.tensor([0]), 0.1)
    assert attacked.isfinite().all()
    assert attacked.flatten()[0] == 0


def test_images_are_left_as_they_are(network, examples):
    network = copy.deepcopy(network)
    network.zero_grad()
    images, labels = examples[0].clone().requires_grad_(True), examples[1]
    for attacked in (fgsm(network, images, labels, 0.1), pgd(network, images, labels, 0.1, 2, 0.1)):
        assert not attacked.requires_grad
        assert torch.equal(images, examples[0])
    assert images.grad is None
    assert all(p.grad is None for p in network.parameters())
