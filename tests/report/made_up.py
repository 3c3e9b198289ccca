"""Results of studies that were never run, small and as large as the papers', without images."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from idsharp.attacks.example import Example
from idsharp.report.selection import ClosestPair, Results, Samples
from idsharp.report.tables.build import build_tables
from idsharp.report.tables.study import read_study
from tests.conftest import ROOT
from tests.report.synthetic import Law, Records, described, paper_like

NOTE = "simulated lesions on real anatomy"
LAYERS = ("input", "stem", "layer1.0", "penultimate", "logits")


class MadeUpResults(Results):
    """Tables from made-up records, and images of noise."""

    def __init__(self, tables: dict[str, pd.DataFrame], shown_epsilon: int = 2):
        self.folder, self.shown_epsilon, self._tables = Path("nowhere"), shown_epsilon, tables
        self.tasks = list(tables["datasets"]["task"])
        self.noise = np.random.default_rng(0).integers(0, 256, (30, 1, 24, 24), dtype=np.uint8)

    def but(self, **tables: pd.DataFrame) -> "MadeUpResults":
        """The same results with other tables."""
        return MadeUpResults(self._tables | tables, self.shown_epsilon)

    def samples(self):
        names = ["normal", "pneumonia"] * 15
        return {task: Samples(self.noise, np.arange(30) % 2, names) for task in self.tasks}

    def closest_pairs(self):
        pair = ClosestPair((self.noise[0], self.noise[1]), ("normal", "pneumonia"), 12.3)
        return dict.fromkeys(self.tasks, pair)

    def examples(self):
        attacks = tuple(self["attacks"]["attack"].unique())
        n = len(attacks)
        example = Example(
            task="", model="resnet18", n_train=1750, seed=0, image_id="x", label=0, attacks=attacks,
            epsilon_255=2, clean=self.noise[0], perturbation=np.zeros((n, 1, 24, 24)),
            predicted=np.array([0, *[1] * n]), probability=np.array([0.9999, *[0.71] * n]),
        )  # fmt: skip
        shown = example, {0: "normal", 1: "pneumonia of any cause"}
        return dict.fromkeys(self["runs"].drop_duplicates("collection")["task"], shown)


@cache
def few() -> MadeUpResults:
    """Five tasks of three collections, one network: too few for nearly every fit."""
    tasks = {
        "digits_1": described("digits", "natural"),
        "digits_2": described("digits", "natural"),
        "photos": described("photos", "natural"),
        "brain_subtle": described("brain", "radiology") | {"note": NOTE},
        "brain_obvious": described("brain", "radiology") | {"note": NOTE},
    }
    return _results(tasks, sizes=(100, 200, 400))


@cache
def many() -> MadeUpResults:
    """27 tasks of eleven collections, as in ICLR 2024, with two networks and attacks."""
    models, attacks = ("resnet18", "vgg13"), ("fgsm", "pgd")
    sizes = {"sizes": (500, 1000, 1750), "image_size": 224}
    return _results(paper_like(), models=models, attacks=attacks, **sizes)


def _results(tasks: dict[str, dict], **options) -> MadeUpResults:
    law = Law(collection_sd=0.02, task_sd=0.01, run_sd=0.02)
    with TemporaryDirectory() as folder:
        records = Records(Path(folder), tasks, law=law, layers=LAYERS, pool=7500, **options)
        published = pd.read_csv(ROOT / "resources" / "published.csv")
        estimators = "id_mle_k1", "id_twonn_10pct"
        study = read_study(records.write(), tasks, *estimators, published, blocks=True)
        return MadeUpResults(build_tables(study))
