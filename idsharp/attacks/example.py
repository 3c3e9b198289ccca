"""One attacked image to look at, in an .npz file without pickles that figures are drawn from.

Needs no torch.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from idsharp.common.records import atomic_path, reading

#: Perturbations are stored in 8 bits, in steps of ε/127.
_LEVELS = 127


@dataclass(frozen=True)
class Example:
    """One test image, clean and under each of A attacks at one ε.

    Attributes:
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
    """Write the examples of one network, one for each ε; perturbations in steps of ε/127."""
    arrays: dict = {
        "epsilon_255": np.array([example.epsilon_255 for example in examples], np.int64)
    }
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
    """The example that `write_examples` wrote for one ε (in 1/255); None if there is none."""
    with reading(path), np.load(path, allow_pickle=False) as file:
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
