"""What the tests share: a tiny study, generated image files, and the folder of real images."""

import os

# Before torch is imported: two workers of two threads each on two cores wait for each other, which
# makes the tests several times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the project."""
    return ROOT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images; skips where it is absent."""
    folder = Path(os.environ.get("IDSHARP_TEST_DATA", ROOT.parent / "shared" / "data")).resolve()
    if not folder.is_dir():
        pytest.skip("real images are absent: set IDSHARP_TEST_DATA to their folder")
    return folder


def blobs(n: int, label: int, seed: int, size: int = 32) -> np.ndarray:
    """n noisy grey images with a bright blob whose half (left, right) is the label."""
    rng = np.random.default_rng([seed, label])
    images = rng.integers(0, 90, (n, size, size), dtype=np.uint8)
    columns = rng.integers(4, size // 2 - 8, n) + label * size // 2
    rows = rng.integers(2, size - 10, n)
    for image, row, column in zip(images, rows, columns, strict=True):
        image[row : row + 8, column : column + 6] += 150
    return images


def write_image_folder(folder: Path, n: int, seed: int, size: int = 32) -> None:
    """`n` PNG files in each of two class folders."""
    for label, name in enumerate(("left", "right")):
        (folder / name).mkdir(parents=True)
        for i, image in enumerate(blobs(n, label, seed, size)):
            Image.fromarray(image).save(folder / name / f"{name}_{i:03d}.png")
