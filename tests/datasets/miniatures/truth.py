"""What a miniature of a dataset holds, known from writing it."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image


@dataclass
class Truth:
    """Where a miniature lies, and by id of the index: pixels, label, patient."""

    path: Path
    pixels: dict[str, np.ndarray] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    patients: dict[str, str] = field(default_factory=dict)

    def add(self, identity: str, pixels: np.ndarray, label: str, patient: str) -> None:
        assert identity not in self.pixels
        self.pixels[identity] = pixels
        self.labels[identity], self.patients[identity] = label, patient


def picture(seed: int, shape: tuple[int, int], highest: int) -> np.ndarray:
    """A smooth picture of its own for every seed, from 0 to `highest`."""
    coarse = np.random.default_rng(seed).random((6, 6)).astype(np.float32)
    fine = np.asarray(Image.fromarray(coarse).resize(shape[::-1], Image.Resampling.BICUBIC))
    fine = fine - fine.min()
    return np.rint(fine * (highest / fine.max())).astype(np.int32)


def truncate(file: Path) -> None:
    """Cut a file off in its middle, as broken downloads are."""
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
