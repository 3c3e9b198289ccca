"""The paths of a study's files. The rules spell them out, too; a test keeps both in agreement."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """The records of a study that the tables are made from.

    Attributes:
        root: folder of the study.
        tasks: tasks that networks are trained on.
        measured: tasks of which only the pool is measured.
    """

    root: Path
    tasks: list[str]
    models: list[str]
    n_train: list[int]
    seeds: list[int]
    measured: list[str] = field(default_factory=list)

    def subsets(self, task: str) -> list[str]:
        """The sets of images of a task that are measured: the pool and every training set."""
        return ["pool", *(f"n{n}" for n in self.n_train if task in self.tasks)]

    def audit(self, task: str) -> Path:
        return self.root / "data" / task / "audit.json"

    def images(self, task: str) -> Path:
        return self.root / "data" / task / "images.npy"

    def samples(self, task: str) -> Path:
        return self.root / "data" / task / "samples.csv"

    def properties(self, task: str, subset: str) -> Path:
        return self.root / "properties" / task / f"{subset}.json"

    def run(self, task: str, model: str, n_train: int, seed: int) -> Path:
        return self.root / "models" / task / model / f"n{n_train}_s{seed}.json"

    def attacks(self, task: str, model: str) -> Path:
        return self.root / "attacks" / task / f"{model}.csv"

    def attack_examples(self, task: str, model: str) -> Path:
        return self.root / "attacks" / task / f"{model}.examples.npz"

    def representations(self, task: str, model: str) -> Path:
        return self.root / "representations" / task / f"{model}.csv"
