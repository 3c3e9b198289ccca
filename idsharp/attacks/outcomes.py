"""How a test set fared under attack."""

from dataclasses import dataclass

import numpy as np

from idsharp.attacks.plan import AttackPlan


@dataclass(frozen=True)
class Outcomes:
    """Results of n images. The first axis of three is the clean images, then the plan's conditions.

    Attributes:
        loss: cross-entropy (nats).
        margin: true class's logit minus the largest other one, over all outputs of the network,
            including those of the papers' 1000-way head that stand for no class.
        correct: whether the true class was predicted (of equal logits the first one is).
        zero_gradient: n booleans: whether the clean image's gradient is zero everywhere, or not
            finite.
    """

    loss: np.ndarray
    margin: np.ndarray
    correct: np.ndarray
    zero_gradient: np.ndarray


def attack_records(outcomes: Outcomes, plan: AttackPlan) -> list[dict]:
    """A flat record for each attack and ε.

    The loss penalty is attacked − clean loss (nats). Accuracy under attack counts the images right
    under it; robust accuracy those right without it, too, since an attacker may do nothing.
    """
    n = outcomes.correct.shape[1]
    clean_loss, clean_correct = outcomes.loss[0].mean(), outcomes.correct[0]
    records = []
    for row, (attack, epsilon) in enumerate(plan.pairs, start=1):
        loss, correct = outcomes.loss[row].mean(), outcomes.correct[row]
        robust = int((correct & clean_correct).sum())
        records.append(
            {"attack": attack.name, "epsilon_255": epsilon}
            | attack.settings(epsilon)
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
