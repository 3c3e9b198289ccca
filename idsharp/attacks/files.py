"""What an attack job leaves beside its table: every image's outcome, and one example to look at.

Both are .npz files without pickles that `numpy.load` reads. Needs no torch: figures are drawn from
these files.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from idsharp.attacks.plan import AttackPlan, Outcomes
from idsharp.common.records import atomic_path
from idsharp.tasks.subsets import LabelledImages

#: Perturbations are kept in 8 bit: steps of ε/127.
_LEVELS = 127

_ABOUT = {
    "axes": "loss, margin, correct: run × condition × image; zero_gradient: run × image",
    "about": "what the arrays of this file hold",
    "task, model, n_train, seed": "which run; runs that diverged are left out",
    "attack, epsilon_255": "which condition: none, or an attack and its L∞ bound in 1/255",
    "image_id, label": "which test image, and its class number",
    "loss": "cross-entropy in nats",
    "margin": "true class's logit minus the largest other one, over all outputs of the network",
    "correct": "whether the true class was predicted; of equal logits the first one is",
    "zero_gradient": "whether the clean image's gradient is zero everywhere or not finite",
    "pgd_steps, pgd_step_size, pgd_restarts": "steps of a restart, their size in units of "
    "ε/pgd_steps, and random starts, of which each image keeps the worst",
}


def write_per_image(
    path: str | Path,
    names: dict,
    test_set: LabelledImages,
    runs: list[tuple[dict, Outcomes]],
    plan: AttackPlan,
) -> None:
    """Every image's loss and margin in every run and condition: an .npz without pickles.

    Its array `about` says, as JSON, what the others hold.

    Args:
        names: task and model.
        runs: the names of each run that did not diverge (n_train, seed), and its outcomes.
    """
    n, conditions = len(test_set), [("none", 0), *plan.conditions]
    outcomes = {
        "loss": (np.float32, [o.loss for _, o in runs], (len(conditions), n)),
        "margin": (np.float32, [o.margin for _, o in runs], (len(conditions), n)),
        "correct": (bool, [o.correct for _, o in runs], (len(conditions), n)),
        "zero_gradient": (bool, [o.zero_gradient for _, o in runs], (n,)),
    }
    settings = ("pgd_steps", "pgd_step_size", "pgd_restarts") if "pgd" in plan.attacks else ()
    with atomic_path(path) as temporary:
        np.savez_compressed(
            temporary,
            about=json.dumps(_ABOUT, ensure_ascii=False),
            task=names["task"],
            model=names["model"],
            n_train=np.array([run["n_train"] for run, _ in runs], dtype=np.int64),
            seed=np.array([run["seed"] for run, _ in runs], dtype=np.int64),
            attack=np.array([attack for attack, _ in conditions]),
            epsilon_255=np.array([epsilon for _, epsilon in conditions]),
            image_id=np.array(test_set.ids, dtype=np.str_),
            label=np.asarray(test_set.labels, dtype=np.int64),
            **{name: getattr(plan, name) for name in settings},
            **{
                name: np.array(values, dtype=dtype).reshape(len(runs), *shape)
                for name, (dtype, values, shape) in outcomes.items()
            },
        )


def choose_example(outcomes: Outcomes, condition: int) -> int:
    """Position of the image that shows what an attack does.

    Of the images that it turns from right to wrong, the one whose clean margin is the median (the
    lower of two). Where it turns none, the one that it brings closest, of those that were right.

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


@dataclass(frozen=True)
class Example:
    """One test image, without and under each of A attacks at one ε.

    Args:
        epsilon_255: L∞ bound in steps of 1/255.
        clean: C×H×W uint8.
        perturbation: A×C×H×W, attacked − clean, in units of ε.
        predicted: 1 + A predicted outputs, clean first.
        probability: 1 + A, their softmax over all outputs of the network.
    """

    task: str
    model: str
    n_train: int
    seed: int
    image_id: str
    label: int
    epsilon_255: int
    attacks: tuple[str, ...]
    clean: np.ndarray
    perturbation: np.ndarray
    predicted: np.ndarray
    probability: np.ndarray


def write_examples(path: str | Path, examples: list[Example]) -> None:
    """Examples of one network, one for each ε; the perturbation in 8 bit: steps of ε/127."""
    arrays = {"epsilon_255": np.array([example.epsilon_255 for example in examples], np.int64)}
    if examples:
        first = examples[0]
        arrays |= {name: getattr(first, name) for name in ("task", "model", "n_train", "seed")}
        arrays["attack"] = np.array(first.attacks)
        for name in ("image_id", "label", "clean", "predicted", "probability"):
            arrays[name] = np.stack([getattr(example, name) for example in examples])
        steps = np.stack([example.perturbation for example in examples]) * _LEVELS
        arrays["perturbation"] = steps.round().clip(-_LEVELS, _LEVELS).astype(np.int8)
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, **arrays)


def read_example(path: str | Path, epsilon: int) -> Example | None:
    """What `write_examples` wrote for one ε (in 1/255); None where there is no trained network."""
    with np.load(path, allow_pickle=False) as file:
        rows = np.flatnonzero(file["epsilon_255"] == epsilon)
        if not len(rows):
            return None
        row = rows[0]
        return Example(
            **{name: file[name].item() for name in ("task", "model", "n_train", "seed")},
            **{name: file[name][row].item() for name in ("image_id", "label", "epsilon_255")},
            attacks=tuple(file["attack"].tolist()),
            perturbation=file["perturbation"][row] / np.float32(_LEVELS),
            **{name: file[name][row] for name in ("clean", "predicted", "probability")},
        )
