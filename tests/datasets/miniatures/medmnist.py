"""Small files in the layout of MedMNIST."""

from pathlib import Path

import numpy as np

from idsharp.common.resources import medmnist_files


def write_medmnist(
    folder: Path, source: str, size: int = 28, n: tuple[int, int, int] = (24, 8, 12)
) -> dict[str, np.ndarray]:
    """An .npz file with images N×size×size and labels N×1, or N×14 for chestmnist.

    In a collection of classes label i is i modulo the number of classes.
    """
    facts = next(
        row for row in medmnist_files() if row["source"] == source and row["size"] == str(size)
    )
    n_labels = len(facts["labels"].split("|"))
    rng, arrays = np.random.default_rng(size), {}
    for split, number in zip(("train", "val", "test"), n, strict=True):
        arrays[f"{split}_images"] = rng.integers(0, 256, (number, size, size), dtype=np.uint8)
        if facts["task"] == "multi-label":
            labels = rng.random((number, n_labels)) < 0.2
        else:
            labels = np.arange(number)[:, None] % n_labels
        arrays[f"{split}_labels"] = labels.astype(np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / facts["file"], **arrays)
    return arrays
