"""The paths of a study's files. The rules spell them out, too; a test keeps both in agreement."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """Paths of the files of a study that the tables and figures are made from.

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
        """What was drawn for a task, and from which files."""
        return self.root / "data" / task / "audit.json"

    def images(self, task: str) -> Path:
        """The prepared images of a task, N×C×H×W uint8."""
        return self.root / "data" / task / "images.npy"

    def samples(self, task: str) -> Path:
        """Id, label, class, patient, split and order of each image of a task."""
        return self.root / "data" / task / "samples.csv"

    def properties(self, task: str, subset: str) -> Path:
        """Dimension and sharpness of a subset, one of `subsets`."""
        return self.root / "properties" / task / f"{subset}.json"

    def run(self, task: str, model: str, n_train: int, seed: int) -> Path:
        """Record of one trained network."""
        return self.root / "models" / task / model / f"n{n_train}_s{seed}.json"

    def attacks(self, task: str, model: str) -> Path:
        """Outcomes of all attacks on a task's networks of one model."""
        return self.root / "attacks" / task / f"{model}.csv"

    def attack_examples(self, task: str, model: str) -> Path:
        """Images to show of these attacks."""
        return self.root / "attacks" / task / f"{model}.examples.npz"

    def representations(self, task: str, model: str) -> Path:
        """Dimension of representations in a task's networks of one model."""
        return self.root / "representations" / task / f"{model}.csv"
