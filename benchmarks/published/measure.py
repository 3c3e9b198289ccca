"""Dimension and sharpness of every pair of classes of MNIST and CIFAR-10, as in the papers.

    python benchmarks/published/measure.py FOLDER

FOLDER holds mnist_idx/ (the official files) and cifar10_subset.npz (train_images N×32×32×3 and
train_labels, as docs/measure.md writes it). Every image is scaled by its own maximum to 8 bit and
resized to 224×224. All 45 pairs of ten classes, training sets of 500 to 1750 images, two samples
that share no image; CIFAR-10 in color, as in ICLR 2024, and once more in gray. The papers' pairs
and images are not known, so it is the spread over all of them that counts. Writes pairs.csv beside
this file: about five minutes on one core with integer products, and 2 GB of memory.
"""

import argparse
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import torch

from idsharp.common.progress import TO_STDERR
from idsharp.common.records import write_rows
from idsharp.common.seeds import generator
from idsharp.datasets.formats.mnist_cifar_svhn import read_idx
from idsharp.properties.dimension import mle
from idsharp.properties.neighbors.integer import integer_products, signed
from idsharp.properties.released import released_m, released_pairs
from idsharp.tasks.images import standardize

SIZES = (500, 750, 1000, 1250, 1500, 1750)
SIZE, K, M, DRAWS, SAMPLES = 224, 20, 1000, 25, 2
OF_A_CLASS = SIZES[-1] // 2
#: Name, and channels.
SETS = (("mnist", 1), ("cifar10", 3), ("cifar10", 1))


def images_of(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """All training images, as they are, and their labels."""
    if name == "mnist":
        parts = ("images-idx3", "labels-idx1")
        images, labels = (read_idx(folder / "mnist_idx" / f"train-{x}-ubyte.gz") for x in parts)
        return images, labels
    with np.load(folder / "cifar10_subset.npz") as stored:
        return stored["train_images"], stored["train_labels"].ravel()


def samples_of(images: np.ndarray, labels: np.ndarray, name: str) -> Iterator[np.ndarray]:
    """Positions of 10×875 different images, class by class, for each sample."""
    _, first = np.unique(images.reshape(len(images), -1), axis=0, return_index=True)
    order = generator("published", name).permutation(np.sort(first))
    by_class = [order[labels[order] == label] for label in range(10)]
    for sample in range(SAMPLES):
        part = slice(sample * OF_A_CLASS, (sample + 1) * OF_A_CLASS)
        yield np.concatenate([positions[part] for positions in by_class])


def distances_of(images: np.ndarray) -> np.ndarray:
    """n×n L2 distances of n×… 8-bit images, from exact squares."""
    values = signed(images.reshape(len(images), -1), torch.device("cpu"))
    starts = range(0, len(values), OF_A_CLASS)
    products = np.empty((len(values), len(values)))
    for i in starts:
        for j in starts[i // OF_A_CLASS :]:
            a, b = slice(i, i + OF_A_CLASS), slice(j, j + OF_A_CLASS)
            products[a, b] = integer_products(values[a], values[b]).numpy()
            products[b, a] = products[a, b].T
    norms = products.diagonal().copy()
    products *= -2
    products += norms
    products += norms[:, None]
    return np.sqrt(products, out=products)


def dimensions(distances: np.ndarray) -> dict:
    """MLE by both normalizations, from n×n distances."""
    nearest = np.sort(np.partition(distances, K, axis=1)[:, : K + 1], axis=1)[:, 1:]
    return {f"id_mle_k{j}": mle(nearest, K, f"k-{j}").value for j in (1, 2)}


def by_definition(distances: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> float:
    """K_F of one draw of M images, or of all where there are no more: all pairs of the draw."""
    drawn = rng.permutation(len(labels))[:M]
    first, second = (drawn[labels[drawn] == label] for label in (0, 1))
    return float(1 / distances[np.ix_(first, second)].min())


def by_released_rule(same: bool) -> Callable[[np.ndarray, np.ndarray, np.random.Generator], float]:
    """One call of the released code without pairs of an image with itself.

    As `idsharp.properties.released.sharpness_by_released_rule`, from distances that are there.
    """

    def value(distances: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> float:
        m = released_m(len(labels), M)
        drawn = rng.choice(len(labels), size=m, replace=False)
        first, second = drawn[released_pairs(m, rng)].T
        counted = ((labels[first] == labels[second]) == same) & (first != second)
        return float(1 / distances[first[counted], second[counted]].min())

    return value


#: The definition; the released code at commit 107847b, and at c1014ab, its first public version.
RULES = {
    "definition": by_definition,
    "released": by_released_rule(same=True),
    "first_version": by_released_rule(same=False),
}


def measured(distances: np.ndarray, n: int, *names: object) -> dict:
    """Values of the first n/2 images of each of two classes, which follow each other."""
    half = n // 2
    chosen = np.concatenate([np.arange(half), OF_A_CLASS + np.arange(half)])
    distances, labels = distances[np.ix_(chosen, chosen)], np.repeat([0, 1], half)
    row = dimensions(distances) | {"all_pairs": float(1 / distances[:half, half:].min())}
    for rule, call in RULES.items():
        rng = generator("published", *names, n, rule)
        # All images are a single draw.
        times = 1 if rule == "definition" and n <= M else DRAWS
        draws = [call(distances, labels, rng) for _ in range(times)]
        row |= {rule: float(np.mean(draws))}
        row |= {f"{rule}_sd": float(np.std(draws, ddof=1)) if times > 1 else None}
    return row


def rows_of(folder: Path) -> Iterator[dict]:
    for name, channels in SETS:
        images, labels = images_of(folder, name)
        for sample, positions in enumerate(samples_of(images, labels, name)):
            TO_STDERR.say(f"{name}, {channels} channels, sample {sample}")
            chosen = np.stack([standardize(images[i], SIZE, channels) for i in positions])
            distances = distances_of(chosen)
            for first, second in combinations(range(10), 2):
                parts = [np.arange(OF_A_CLASS) + OF_A_CLASS * label for label in (first, second)]
                pair = np.concatenate(parts)
                of_pair = distances[np.ix_(pair, pair)]
                names = {"dataset": name, "channels": channels, "first": first, "second": second}
                for n in SIZES:
                    row = measured(of_pair, n, name, channels, first, second, sample)
                    rounded = {key: value and float(f"{value:.5g}") for key, value in row.items()}
                    yield names | {"sample": sample, "n_train": n} | rounded


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    rows = list(rows_of(parser.parse_args().folder))
    write_rows(Path(__file__).with_name("pairs.csv"), rows)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
