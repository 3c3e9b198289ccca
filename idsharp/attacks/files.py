"""The file that holds the outcome of every test image: an .npz without pickles."""

import json
from pathlib import Path

import numpy as np

from idsharp.attacks.outcomes import Outcomes
from idsharp.attacks.plan import AttackPlan, settings_of
from idsharp.common.records import atomic_path
from idsharp.tasks.subsets import LabelledImages

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
}


def write_per_image(
    path: str | Path,
    names: dict,
    test_set: LabelledImages,
    runs: list[tuple[dict, Outcomes]],
    plan: AttackPlan,
) -> None:
    """Write every image's outcome in every run and condition.

    The array `about` says, as JSON, what the others hold.

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
    stored: dict = {}
    about = dict(_ABOUT)
    for attack in plan.attacks:
        for key, setting in settings_of(attack).items():
            stored[key] = getattr(attack, setting.name)
            about[key] = setting.metadata["help"]
    for name, (dtype, values, shape) in outcomes.items():
        stored[name] = np.array(values, dtype=dtype).reshape(len(runs), *shape)
    with atomic_path(path) as temporary:
        np.savez_compressed(
            temporary,
            about=json.dumps(about, ensure_ascii=False),
            task=names["task"],
            model=names["model"],
            n_train=np.array([run["n_train"] for run, _ in runs], dtype=np.int64),
            seed=np.array([run["seed"] for run, _ in runs], dtype=np.int64),
            attack=np.array([attack for attack, _ in conditions]),
            epsilon_255=np.array([epsilon for _, epsilon in conditions]),
            image_id=np.array(test_set.ids, dtype=np.str_),
            label=np.asarray(test_set.labels, dtype=np.int64),
            **stored,
        )
