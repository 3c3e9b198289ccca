"""Records of studies that were never run: they follow the papers' laws, up to chosen noise."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from idsharp.common.records import write_rows
from idsharp.properties.estimators import ESTIMATORS
from idsharp.properties.record import KS, unmeasured_record
from idsharp.report.tables.build import BUILDERS
from idsharp.report.tables.study import Study, read_study
from idsharp.study.layout import Layout

#: Factors of the estimators beside id_mle_k1.
FACTORS = {"id_mle_k1": 1.0, "id_mle_k2": 18 / 19, "id_twonn_10pct": 1.1, "id_twonn_largest": 1.15}


@dataclass(frozen=True)
class Law:
    """Coefficients of the papers' laws, and standard deviations of what they leave over.

    accuracy = 0.9 + slope · d + size_slope · ln N
    ln L = size · (ln N)/d + sharpness · ln K_F + 7.5
    ln penalty = sharpness_penalty · ln K_F + 9 + ln ε
    d_repr = ratio · d_data

    d is that of the pool. d_data, of training sets, is lower, as estimates from few images are.
    """

    slopes: dict[str, float] = field(
        default_factory=lambda: {"natural": -0.005, "radiology": -0.02}
    )
    size_slope: float = 0.04
    size: float = -1.0
    sharpness: float = 1.0
    sharpness_penalty: float = 1.0
    ratio: float = 0.6
    ratio_sd: float = 0.0
    collection_sd: float = 0.0
    task_sd: float = 0.0
    run_sd: float = 0.0


def paper_like() -> dict[str, dict]:
    """27 tasks of 11 collections: 7 of radiology with a task each, 4 natural ones with 5 pairs."""
    radiology = ["brats", "chexpert", "dbc", "mura", "oai", "prostate", "rsna"]
    names = {name: name for name in radiology}
    for collection in ("mnist", "cifar10", "svhn", "imagenet"):
        names |= {f"{collection}_pair{i}": collection for i in range(1, 6)}
    return {
        task: described(collection, "radiology" if collection in radiology else "natural")
        for task, collection in names.items()
    }


def described(collection: str, domain: str, instead_of: str = "") -> dict:
    """What the rules say of a task."""
    names = {"dataset": collection, "collection": collection, "domain": domain}
    return names | {"note": "", "instead_of": instead_of}


@dataclass
class Records:
    """Writes the records of a study as the scripts write them.

    Attributes:
        tasks: as `described`, by task.
        diverged, constant: (task, N) whose networks diverged, or give one answer to every image;
            constant also (model, N).
        too_few: (task, N) that the task has too few images for.
        undefined: tasks without K_F.
        measured: tasks whose pool alone is measured.
        attacks, epsilons, layers: what was run.
    """

    root: Path
    tasks: dict[str, dict]
    models: tuple[str, ...] = ("resnet18",)
    sizes: tuple[int, ...] = (100, 200)
    seeds: tuple[int, ...] = (0,)
    law: Law = Law()
    diverged: tuple = ()
    constant: tuple = ()
    too_few: tuple = ()
    undefined: tuple = ()
    measured: tuple = ()
    attacks: tuple[str, ...] = ("fgsm",)
    epsilons: tuple[int, ...] = (1, 2)
    layers: tuple[str, ...] = ("penultimate",)
    image_size: int = 32
    pool: int = 1200
    seed: int = 0

    def __post_init__(self):
        self.rng = np.random.default_rng(self.seed)
        trained = [task for task in self.tasks if task not in self.measured]
        sizes = list(self.models), list(self.sizes), list(self.seeds)
        self.layout = Layout(self.root, trained, *sizes, list(self.measured))
        collections = dict.fromkeys(task["collection"] for task in self.tasks.values())
        draw = self.rng
        self.of_collection = {
            name: (
                draw.uniform(5, 25),
                draw.uniform(-9.5, -8),
                draw.normal(0, self.law.collection_sd),
            )
            for name in collections
        }

    def write(self) -> Layout:
        for task, names in self.tasks.items():
            d, log_k, rest = self.of_collection[names["collection"]]
            d, log_k = d * self.rng.uniform(0.97, 1.03), log_k + self.rng.uniform(-0.03, 0.03)
            rest += self.rng.normal(0, self.law.task_sd)
            self._audit(task)
            for subset in self.layout.subsets(task):
                _write(
                    self.layout.properties(task, subset), self._properties(task, subset, d, log_k)
                )
            if task not in self.measured:
                for model in self.models:
                    self._networks(task, model, d, log_k, rest)
        return self.layout

    def _audit(self, task: str) -> None:
        audit = {
            "task": task, "classes": "a | b", "image_size": self.image_size, "channels": 1,
            "n_classes": 2, "n_pool_requested": self.pool, "n_pool": self.pool, "n_test": 40,
            "split": "patient", "n_patients": 0, "patient_disjoint": False, "n_unreadable": 0,
        }  # fmt: skip
        _write(self.layout.audit(task), audit)

    def _properties(self, task: str, subset: str, d: float, log_k: float) -> dict:
        n = self.pool if subset == "pool" else int(subset.removeprefix("n"))
        if (task, n) in self.too_few:
            return unmeasured_record(20, f"{n} training images are asked for")
        if subset != "pool":
            # A maximum over fewer pairs is smaller.
            d, log_k = of_training_set(d, n), log_k - 0.15 * np.log(1000 / min(n, 1000))
        undefined = task in self.undefined
        sharpness = {
            f"label_sharpness{which}{free}": None
            if undefined
            else scale * float(np.exp(log_k)) * unit
            for which, scale in (
                ("", 1.0),
                ("_sd", 0.05),
                ("_all", 1.5),
                ("_released", 2.0),
                ("_released_sd", 0.1),
            )
            for free, unit in (("", 1.0), ("_resolution_free", 255.0 * self.image_size))
        }
        counts = {"n_images": n, "n_duplicates": 0, "n_label_conflicts": 0, "k": 20}
        for end, position in (("first", 0), ("second", 1)):
            counts[f"sharpest_{end}_id"] = None if undefined else f"image{position}"
        drawn = {
            "label_sharpness_n": n, "label_sharpness_m": min(n, 1000),
            "label_sharpness_draws": 25 if n > 1000 else 1,
            "label_sharpness_shared": 1000 / n if n > 1000 else None,
            "label_sharpness_released_m": min(n, 1000),
            "label_sharpness_released_pairs": 2 * min(n, 1000),
            "label_sharpness_released_draws": 25,
        }  # fmt: skip
        reason = {"label_sharpness_reason": "all images have the same label"} if undefined else {}
        at_k = {f"id_mle_k1_at_k{k}": float(d * (1.3 - 0.1 * np.log(k))) for k in KS}
        return counts | estimates(d) | at_k | sharpness | drawn | reason

    def _networks(self, task: str, model: str, d: float, log_k: float, rest: float) -> None:
        attacks, learned = [], []
        for n in self.sizes:
            for seed in self.seeds:
                names = {"task": task, "model": model, "n_train": n, "seed": seed}
                names["status"] = self._status(task, n)
                numbers = self._training(names, d, log_k, rest)
                if {(task, n), (model, n)} & set(self.constant):
                    numbers["constant_output"] = True
                _write(self.layout.run(task, model, n, seed), names | numbers)
                conditions = [(a, e) for a in self.attacks for e in self.epsilons]
                if names["status"] == "ok":
                    attacks += [names | self._attack(a, e, log_k, rest) for a, e in conditions]
                    learned += [names | self._layer(layer, n, d) for layer in self.layers]
                else:
                    attacks += [names | {"attack": a, "epsilon_255": e} for a, e in conditions]
                    learned.append(names | {"layer": "penultimate"})
        write_rows(self.layout.attacks(task, model), attacks)
        write_rows(self.layout.representations(task, model), learned)

    def _status(self, task: str, n: int) -> str:
        if (task, n) in self.too_few:
            return "too few images"
        return "diverged" if (task, n) in self.diverged else "ok"

    def _training(self, names: dict, d: float, log_k: float, rest: float) -> dict:
        law, log_n = self.law, np.log(names["n_train"])
        noise = self.rng.normal(0, law.run_sd)
        domain = self.tasks[names["task"]]["domain"]
        log_loss = law.size * log_n / d + law.sharpness * log_k + 7.5 + rest + noise
        accuracy = 0.7 + law.slopes[domain] * d + law.size_slope * log_n + 0.1 * (rest + noise)
        values = {
            "train_loss": 0.1, "train_accuracy": 0.9, "test_loss": float(np.exp(log_loss)),
            "test_accuracy": accuracy - 0.01, "highest_test_accuracy": accuracy,
        }  # fmt: skip
        ok = names["status"] == "ok"
        cost = {
            "epochs_done": 3, "train_seconds": 1.0, "images_per_second": 100.0,
            "peak_memory_mb": 500.0, "n_interruptions": 0,
        }  # fmt: skip
        recipe = {
            "learning_rate": 1e-3, "batch_size": 40, "epochs": 3, "weight_decay": 1e-4,
            "outputs": 2, "input_scale": 255.0, "precision": "float32", "deterministic": True,
        }  # fmt: skip
        values = values if ok else dict.fromkeys(values)
        return values | {"constant_output": False if ok else None} | cost | recipe

    def _attack(self, attack: str, epsilon: int, log_k: float, rest: float) -> dict:
        right = 20 if attack == "fgsm" else 10
        penalty = self.law.sharpness_penalty * log_k + 9 + np.log(epsilon) + rest
        penalty = float(np.exp(penalty + self.rng.normal(0, self.law.run_sd)))
        return {
            "attack": attack, "epsilon_255": epsilon, "steps": 1, "step_size_255": epsilon,
            "restarts": 1, "n_test_images": 40, "clean_loss": 0.3, "attacked_loss": 0.3 + penalty,
            "loss_penalty": penalty, "clean_accuracy": 0.9, "attacked_accuracy": right / 40,
            "n_attacked_correct": right, "robust_accuracy": (right - 2) / 40, "n_robust": right - 2,
            "n_zero_gradient": 0,
        }  # fmt: skip

    def _layer(self, layer: str, n: int, d: float) -> dict:
        depth = self.layers.index(layer) / max(1, len(self.layers) - 1)
        # Highest in the middle; the images themselves first.
        height = 1.0 if layer == "input" else self.law.ratio * (2 - abs(depth - 0.5))
        height = self.law.ratio if layer == "penultimate" else height
        counts = {"n_features": 9, "n_images": n, "n_duplicates": 0, "k": 20}
        noise = np.exp(self.rng.normal(0, self.law.ratio_sd))
        d = of_training_set(d, n) * noise
        return {"layer": layer, "depth": depth} | counts | estimates(height * d)


def of_training_set(d: float, n: int) -> float:
    """What is estimated of a dimension d from n images."""
    return float(d * (1 - 3 / np.sqrt(n)))


def estimates(d: float) -> dict:
    """Every estimator of a set of dimension d, with standard errors."""
    values = {name: float(d * FACTORS.get(name, 1.0)) for name in ESTIMATORS}
    return values | {f"{name}_se": 0.1 for name in ESTIMATORS}


def _write(path: Path, record: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record))


LAYERS = ("input", "stem", "layer1.0", "penultimate", "logits")
SOME = {f"task{i}": described(f"c{i}", "radiology" if i % 2 else "natural") for i in range(8)}
NOISY = Law(collection_sd=0.2, run_sd=0.1)


def study_of(published, records: Records) -> Study:
    """Writes records and reads them back."""
    layout = records.write()
    estimators, blocks = ("id_mle_k1", "id_twonn_10pct"), len(records.layers) > 1
    return read_study(layout, records.tasks, *estimators, published, blocks=blocks)


def build(study: Study, *names: str) -> list[pd.DataFrame]:
    """Some tables of a study."""
    return [BUILDERS[name](study) for name in names]
