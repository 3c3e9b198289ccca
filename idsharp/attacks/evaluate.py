"""Attacking trained networks on a whole test set."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from idsharp.attacks.base import Attack, AttackError, Batch
from idsharp.attacks.example import Example
from idsharp.attacks.gradient import GRADIENT_COST, vanished
from idsharp.attacks.outcomes import Outcomes, attack_records
from idsharp.attacks.plan import AttackPlan
from idsharp.common.device import choose_algorithms
from idsharp.common.progress import SILENT, Reporter, Steps
from idsharp.models.determinism import replace_pooling
from idsharp.tasks.subsets import LabelledImages

# Largest number of pixels in a batch: activations are kept in float32, and trainings may share the
# GPU.
_PIXELS = 20 * 224 * 224


@dataclass
class Attacked:
    """What became of the networks of one task and model.

    Attributes:
        rows: the table, one row per network, attack and ε; of networks that did not train, their
            names alone.
        runs: names and outcomes of every trained network.
        examples: one image for each ε, of the first network with the largest training set.
    """

    rows: list[dict] = field(default_factory=list)
    runs: list[tuple[dict, Outcomes]] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)


def attack_networks(
    networks: Iterable[tuple[dict, nn.Module | None]],
    test_set: LabelledImages,
    plan: AttackPlan,
    device: torch.device,
    deterministic: bool = False,
    report: Reporter = SILENT,
) -> Attacked:
    """Attack the networks of one task and model as planned.

    Args:
        networks: names (task, model, n_train, seed and status) and network, None where it did not
            train, as `trained_models` gives them.
        deterministic: bit for bit the same on the same GPU; a CPU is so anyway.
        report: told the progress, and the result of every condition.

    Raises:
        AttackError: as in `attack_network`.
    """
    choose_algorithms(device, deterministic)
    attacked, shown = Attacked(), None
    for names, model in networks:
        if model is None:
            attacked.rows += [
                names | {"attack": attack, "epsilon_255": epsilon}
                for attack, epsilon in plan.conditions
            ]
            continue
        if deterministic and device.type == "cuda":
            replace_pooling(model)
        outcomes = attack_network(model, test_set, plan, names["task"], device, report)
        attacked.runs.append((names, outcomes))
        for record in attack_records(outcomes, plan):
            attacked.rows.append(names | record)
            report.say(_described(names, record))
        if shown is None or names["n_train"] > shown[0]["n_train"]:
            shown = names, model, outcomes
    if shown:
        attacked.examples = examples(*shown, test_set, plan, device)
    return attacked


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

    Args:
        task: name of the task, from which random starts are seeded (`Batch.noise`).
        report: told the progress.
        batch_size: images at a time; None: 125, or fewer if they are large.

    Raises:
        AttackError: logits that are not finite.
    """
    model.to(device).eval()
    height, width = test_set.images.shape[2:]
    batch_size = batch_size or max(1, min(125, _PIXELS // (height * width)))
    cost = GRADIENT_COST + sum(attack.cost for attack, _ in plan.pairs)
    progress = report.steps("attack", len(test_set) * cost)
    parts = []
    for first in range(0, len(test_set), batch_size):
        batch = Batch(model, test_set[first : first + batch_size], task, device)
        parts.append(_attack_batch(batch, plan, progress))
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


def worst_case(batch: Batch, attack: Attack, epsilon: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Attacked images, and the result of each (3×N: loss, margin, correct).

    Of several candidates an image keeps one that fools the network, and among those (or if there
    is none) the one with the highest loss.
    """
    candidates = attack.candidates(batch, epsilon)
    attacked = next(candidates)
    with torch.no_grad():
        worst = _judge(batch.model(attacked), batch.labels)
    for candidate in candidates:
        with torch.no_grad():
            result = _judge(batch.model(candidate), batch.labels)
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
    """For each ε an image that shows what the attacks do; the plan's first attack chooses it.

    Args:
        names: task, model, n_train and seed of the network that the outcomes are of.
    """
    found = []
    # The conditions begin with those of the first attack, one for each ε.
    for row, epsilon in enumerate(plan.epsilons, start=1):
        i = choose_example(outcomes, row)
        batch = Batch(model, test_set[i : i + 1], names["task"], device)
        attacked = [worst_case(batch, attack, epsilon)[0] for attack in plan.attacks]
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
                attacks=tuple(attack.name for attack in plan.attacks),
                clean=np.array(test_set.images[i]),
                perturbation=((images[1:] - images[:1]) * (255 / epsilon)).cpu().numpy(),
                predicted=predicted.cpu().numpy(),
                probability=probability.cpu().numpy(),
            )
        )
    return found


def choose_example(outcomes: Outcomes, condition: int) -> int:
    """Position of the image that shows what an attack does.

    Of the images that the attack turns from right to wrong, the one with the median clean margin
    (the lower of two). If it turns none: of those that were right, the one it brings closest.

    Args:
        condition: row of the outcomes, from 1.
    """
    right = outcomes.correct[0]
    turned = np.flatnonzero(right & ~outcomes.correct[condition])
    if len(turned):
        order = np.argsort(outcomes.margin[0, turned], kind="stable")
        return int(turned[order[(len(order) - 1) // 2]])
    candidates = np.flatnonzero(right) if right.any() else np.arange(len(right))
    return int(candidates[outcomes.margin[condition, candidates].argmin()])


def _attack_batch(
    batch: Batch, plan: AttackPlan, progress: Steps
) -> tuple[torch.Tensor, torch.Tensor]:
    """(1 + conditions)×3×N results, clean first, and whose gradient vanished (N)."""
    results = [_judge(batch.logits, batch.labels)]
    progress.advance(len(batch) * GRADIENT_COST)
    for attack, epsilon in plan.pairs:
        results.append(worst_case(batch, attack, epsilon)[1])
        progress.advance(len(batch) * attack.cost)
    return torch.stack(results), vanished(batch.gradient)


def _judge(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Loss, margin and correctness (1 or 0) of N images, 3×N in float64."""
    logits = logits.double()
    loss = cross_entropy(logits, labels, reduction="none")
    true = labels[:, None]
    others = logits.scatter(1, true, -torch.inf).amax(dim=1)
    margin = logits.gather(1, true)[:, 0] - others
    return torch.stack([loss, margin, (logits.argmax(dim=1) == labels).double()])


def _described(names: dict, record: dict) -> str:
    """A line for people about one network under one attack at one ε."""
    return (
        f"{names['model']} n {names['n_train']} seed {names['seed']}: {record['attack']} "
        f"ε {record['epsilon_255']}/255, loss penalty {record['loss_penalty']:.4f}, accuracy "
        f"{record['clean_accuracy']:.3f} → {record['attacked_accuracy']:.3f}"
    )
