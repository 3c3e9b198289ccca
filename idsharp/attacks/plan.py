"""Which attacks a study runs, and how the images fared. Needs no torch."""

from dataclasses import dataclass

import numpy as np

ATTACKS = ("fgsm", "pgd")

#: A gradient takes about as long as this many passes forward.
GRADIENT_COST = 3


class AttackError(ValueError):
    """An attack that cannot be measured; the message says why."""


@dataclass(frozen=True)
class AttackPlan:
    """Which attacks at which bounds, and the settings of PGD.

    Args:
        attacks: from ATTACKS.
        epsilons: in steps of 1/255.
        pgd_steps: steps of a restart.
        pgd_step_size: length of a step in units of ε/steps. Madry et al. 2018 (section 5) take 2.5:
            from any start, any point of the ball can be reached, and some movement is left.
        pgd_restarts: random starts, of which each image keeps the worst.

    Raises:
        AttackError: an attack that is not there.
    """

    attacks: tuple[str, ...]
    epsilons: tuple[int, ...]
    pgd_steps: int = 20
    pgd_step_size: float = 2.5
    pgd_restarts: int = 1

    def __post_init__(self):
        unknown = [attack for attack in self.attacks if attack not in ATTACKS]
        if unknown:
            raise AttackError(f"unknown attack {unknown[0]!r}; there are: {', '.join(ATTACKS)}")

    @property
    def conditions(self) -> list[tuple[str, int]]:
        """Every attack at every ε, attack by attack."""
        return [(attack, epsilon) for attack in self.attacks for epsilon in self.epsilons]

    @property
    def costs(self) -> list[int]:
        """What each condition costs an image, in passes forward; FGSM has its gradient already."""
        pgd = self.pgd_restarts * (GRADIENT_COST * self.pgd_steps + 1)
        return [1 if attack == "fgsm" else pgd for attack, _ in self.conditions]

    def settings(self, attack: str, epsilon: int) -> dict:
        """Steps, step size (in 1/255) and restarts; FGSM is one step of ε."""
        if attack == "fgsm":
            return {"steps": 1, "step_size_255": float(epsilon), "restarts": 1}
        size = self.pgd_step_size * epsilon / self.pgd_steps
        return {"steps": self.pgd_steps, "step_size_255": size, "restarts": self.pgd_restarts}


@dataclass(frozen=True)
class Outcomes:
    """How n images fared; the first axis of three is no attack, then the plan's conditions.

    Args:
        loss: cross-entropy (nats).
        margin: true class's logit minus the largest other one, over all outputs of the network,
            also those of the papers' 1000-way head that stand for no class.
        correct: whether the true class was predicted (of equal logits the first one is).
        zero_gradient: n: whether the clean image's gradient is zero everywhere, or not finite.
    """

    loss: np.ndarray
    margin: np.ndarray
    correct: np.ndarray
    zero_gradient: np.ndarray


def attack_records(outcomes: Outcomes, plan: AttackPlan) -> list[dict]:
    """A flat record for each attack and ε.

    The loss penalty is attacked − clean loss (nats); accuracy under attack counts the images right
    under it, robust accuracy those right without it, too, for an attacker may do nothing.
    """
    n = outcomes.correct.shape[1]
    clean_loss, clean_correct = outcomes.loss[0].mean(), outcomes.correct[0]
    records = []
    for row, (attack, epsilon) in enumerate(plan.conditions, start=1):
        loss, correct = outcomes.loss[row].mean(), outcomes.correct[row]
        robust = int((correct & clean_correct).sum())
        records.append(
            {"attack": attack, "epsilon_255": epsilon}
            | plan.settings(attack, epsilon)
            | {
                "n_test_images": n,
                "clean_loss": float(clean_loss),
                "attacked_loss": float(loss),
                "loss_penalty": float(loss - clean_loss),
                "clean_accuracy": float(clean_correct.mean()),
                "attacked_accuracy": float(correct.mean()),
                "n_attacked_correct": int(correct.sum()),
                "robust_accuracy": robust / n,
                "n_robust": robust,
                "n_zero_gradient": int(outcomes.zero_gradient.sum()),
            }
        )
    return records
