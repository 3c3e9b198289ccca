"""Attacking a trained network on its whole test set."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from idsharp.attacks.files import Example, choose_example
from idsharp.attacks.gradient import fgsm_step, logits_and_gradient, pgd_steps, vanished
from idsharp.attacks.plan import GRADIENT_COST, AttackError, AttackPlan, Outcomes
from idsharp.common.progress import SILENT, Reporter, Steps
from idsharp.common.seeds import generator
from idsharp.models.inference import as_input
from idsharp.tasks.subsets import LabelledImages

# Pixels of a batch at most: activations are kept in float32, and trainings may share the GPU.
_PIXELS = 20 * 224 * 224


def attack_network(
    model: nn.Module,
    test_set: LabelledImages,
    plan: AttackPlan,
    task: str,
    device: torch.device,
    report: Reporter = SILENT,
    batch_size: int | None = None,
) -> Outcomes:
    """Attack every image of a test set as planned, in float32 and eval mode.

    PGD's starts come from the task, the image and the number of the restart, so that they are the
    same for every network, ε, batch and device.

    Args:
        report: told the progress.
        batch_size: images at a time; None: 125, fewer of large ones.

    Raises:
        AttackError: logits that are not finite.
    """
    model.to(device).eval()
    height, width = test_set.images.shape[2:]
    batch_size = batch_size or max(1, min(125, _PIXELS // (height * width)))
    progress = report.steps("attack", len(test_set) * (GRADIENT_COST + sum(plan.costs)))
    parts = []
    for first in range(0, len(test_set), batch_size):
        batch = Batch.of(test_set[first : first + batch_size], plan, task, device)
        parts.append(_attack_batch(model, batch, plan, progress))
    results, zero = (torch.cat(part, dim=-1).cpu().numpy() for part in zip(*parts, strict=True))
    loss, margin, correct = np.moveaxis(results, 1, 0)
    # An infinite logit makes every loss of its image infinite or undefined.
    broken = np.flatnonzero(~np.isfinite(loss).all(axis=0))
    if len(broken):
        raise AttackError(
            f"the loss of {len(broken)} images, such as {test_set.ids[broken[0]]}, is not finite: "
            f"the logits overflow"
        )
    return Outcomes(loss, margin, correct.astype(bool), zero)


@dataclass(frozen=True)
class Batch:
    """Images in [0, 1] on the device, their classes, and a start of PGD for each restart."""

    images: torch.Tensor
    labels: torch.Tensor
    starts: list[torch.Tensor]

    @classmethod
    def of(cls, clean: LabelledImages, plan: AttackPlan, task: str, device: torch.device):
        """Images of a test set."""
        # Copied: images may be a read-only memory map.
        images = as_input(torch.from_numpy(np.array(clean.images)).to(device))
        labels = torch.from_numpy(np.array(clean.labels, dtype=np.int64)).to(device)
        restarts = plan.pgd_restarts if "pgd" in plan.attacks else 0
        starts = [
            random_start(task, clean.ids, restart, images.shape[1:]) for restart in range(restarts)
        ]
        return cls(images, labels, [start.to(device) for start in starts])


def random_start(task: str, ids: list[str], restart: int, shape: tuple) -> torch.Tensor:
    """Uniform noise in [-1, 1) for each of N images (N×C×H×W), seeded by their names."""
    rows = [generator("pgd", task, i, restart).random(shape, dtype=np.float32) for i in ids]
    return torch.from_numpy(np.stack(rows)) * 2 - 1


def worst_case(
    model: nn.Module, batch: Batch, gradient: torch.Tensor, condition: tuple, plan: AttackPlan
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attacked images, and what became of each (3×N: loss, margin, correct).

    Of several restarts an image keeps one that fools the network, and among those (or where there
    is none) the one with the highest loss.
    """
    attacked = worst = None
    for candidate in _candidates(model, batch, gradient, condition, plan):
        with torch.no_grad():
            result = _judge(model(candidate), batch.labels)
        if worst is None:
            attacked, worst = candidate, result
            continue
        (loss, _, correct), (worst_loss, _, worst_correct) = result, worst
        worse = (correct < worst_correct) | ((correct == worst_correct) & (loss > worst_loss))
        attacked = torch.where(worse[:, None, None, None], candidate, attacked)
        worst = torch.where(worse, result, worst)
    return attacked, worst


def examples(
    names: dict,
    model: nn.Module,
    outcomes: Outcomes,
    test_set: LabelledImages,
    plan: AttackPlan,
    device: torch.device,
) -> list[Example]:
    """For each ε an image that shows what the attacks do; the first attack chooses it.

    Args:
        names: task, model, n_train and seed of the network that the outcomes are of.
    """
    found = []
    # The conditions begin with the first attack's, one for each ε.
    for row, epsilon in enumerate(plan.epsilons, start=1):
        i = choose_example(outcomes, row)
        batch = Batch.of(test_set[i : i + 1], plan, names["task"], device)
        _, gradient = logits_and_gradient(model, batch.images, batch.labels)
        conditions = [(attack, epsilon) for attack in plan.attacks]
        attacked = [worst_case(model, batch, gradient, c, plan)[0] for c in conditions]
        images = torch.cat([batch.images, *attacked])
        with torch.no_grad():
            probability, predicted = model(images).double().softmax(dim=1).max(dim=1)
        found.append(
            Example(
                task=names["task"],
                model=names["model"],
                n_train=names["n_train"],
                seed=names["seed"],
                image_id=test_set.ids[i],
                label=int(test_set.labels[i]),
                epsilon_255=epsilon,
                attacks=plan.attacks,
                clean=np.array(test_set.images[i]),
                perturbation=((images[1:] - images[:1]) * (255 / epsilon)).cpu().numpy(),
                predicted=predicted.cpu().numpy(),
                probability=probability.cpu().numpy(),
            )
        )
    return found


def _attack_batch(
    model: nn.Module, batch: Batch, plan: AttackPlan, progress: Steps
) -> tuple[torch.Tensor, torch.Tensor]:
    """(1 + conditions)×3×N results, clean first, and whose gradient vanished (N)."""
    # One gradient serves FGSM at every ε, and its logits are the clean ones.
    logits, gradient = logits_and_gradient(model, batch.images, batch.labels)
    results = [_judge(logits, batch.labels)]
    progress.advance(len(batch.labels) * GRADIENT_COST)
    for condition, cost in zip(plan.conditions, plan.costs, strict=True):
        results.append(worst_case(model, batch, gradient, condition, plan)[1])
        progress.advance(len(batch.labels) * cost)
    return torch.stack(results), vanished(gradient)


def _candidates(
    model: nn.Module, batch: Batch, gradient: torch.Tensor, condition: tuple, plan: AttackPlan
) -> Iterator[torch.Tensor]:
    """The attacked images of FGSM, or of every restart of PGD."""
    attack, epsilon = condition
    if attack == "fgsm":
        yield fgsm_step(batch.images, gradient, epsilon / 255)
        return
    size = plan.settings(attack, epsilon)["step_size_255"] / 255
    for start in batch.starts:
        yield pgd_steps(
            model, batch.images, batch.labels, epsilon / 255, plan.pgd_steps, size, start
        )


def _judge(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Loss, margin and correctness (1 or 0) of N images, 3×N in float64."""
    logits = logits.double()
    loss = cross_entropy(logits, labels, reduction="none")
    true = labels[:, None]
    others = logits.scatter(1, true, -torch.inf).amax(dim=1)
    margin = logits.gather(1, true)[:, 0] - others
    return torch.stack([loss, margin, (logits.argmax(dim=1) == labels).double()])
