"""How many of 50 swapped labels are among the first 100 suspects, here and by cleanlab.

    python benchmarks/suspects.py FOLDER_OF_REAL_IMAGES

Images are compared in pixels by both. cleanlab (pip install cleanlab) ranks labels by out-of-sample
probabilities; these come from a logistic regression and from 10 nearest neighbors on 50 principal
components, five-fold. The folder holds mnist_idx/, cifar10_subset.npz, pneumoniamnist/ and
real_tasks/cxr_pneumonia_kermany.npz. Prints the table of docs/measure.md; about ten minutes.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import KNeighborsClassifier

from idsharp.datasets.formats.mnist_cifar_svhn import read_idx
from idsharp.measure.suspects import ratios
from idsharp.properties.neighbors.search import nearest_neighbors
from idsharp.tasks.images import standardize

SWAPPED, LISTED, DRAWS, MOST = 50, 100, 3, 7500


def collections(folder: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name, n×C×H×W uint8 images, all different, and labels from 0."""
    rng = np.random.default_rng(0)
    images, labels = (
        read_idx(folder / "mnist_idx" / f"train-{name}-ubyte.gz")
        for name in ("images-idx3", "labels-idx1")
    )
    some = rng.permutation(len(images))[:MOST]
    yield "MNIST, ten digits", *distinct(images[some][:, None], labels[some])
    with np.load(folder / "cifar10_subset.npz") as stored:
        labels = stored["train_labels"].ravel()
        some = rng.permutation(np.flatnonzero(labels < 2))[:MOST]
        images = np.stack([standardize(image, None, 1) for image in stored["train_images"][some]])
    yield "CIFAR-10, airplanes and automobiles, grayscale", *distinct(images, labels[some])
    with np.load(folder / "pneumoniamnist" / "pneumoniamnist.npz") as stored:
        images, labels = stored["train_images"][:, None], stored["train_labels"].ravel()
    yield "chest X-rays, PneumoniaMNIST, 28×28", *distinct(images, labels)
    with np.load(folder / "real_tasks" / "cxr_pneumonia_kermany.npz") as stored:
        images, labels = stored["images"][:, None], stored["labels"]
    yield "chest X-rays, Kermany, 64×64", *distinct(images, labels)


def distinct(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    images, first = np.unique(images, axis=0, return_index=True)
    return images, labels[first].astype(int)


def by_cleanlab(features: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Suspicion of each label by cleanlab; none where it is not installed."""
    try:
        from cleanlab.rank import get_label_quality_scores
    except ImportError:
        return {}
    ways = {
        "cleanlab, logistic": (LogisticRegression(max_iter=300), "self_confidence"),
        "cleanlab, neighbors": (KNeighborsClassifier(10), "normalized_margin"),
    }
    scores = {}
    for name, (model, method) in ways.items():
        predicted = cross_val_predict(model, features, labels, cv=5, method="predict_proba")
        scores[name] = -get_label_quality_scores(labels, predicted, method=method)
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    rows = []
    for name, images, labels in collections(parser.parse_args().folder):
        flat = images.reshape(len(images), -1).astype(np.float32) / 255
        features = PCA(50, random_state=0).fit_transform(flat)
        found = nearest_neighbors(images, 40)
        classes = labels.max() + 1
        for draw in range(DRAWS):
            rng = np.random.default_rng(100 + draw)
            swapped = rng.choice(len(labels), SWAPPED, replace=False)
            wrong = labels.copy()
            wrong[swapped] = (labels[swapped] + rng.integers(1, classes, SWAPPED)) % classes
            scores = {"idsharp": ratios(found.distances, found.indices, wrong)[0]}
            for way, score in (scores | by_cleanlab(features, wrong)).items():
                listed = np.argsort(-score, kind="stable")[:LISTED]
                row = {"images": name, "n": len(labels), "way": way}
                rows.append(row | {"found": int(np.isin(swapped, listed).sum())})
        print(pd.DataFrame(rows).tail(3 * DRAWS).to_string(), flush=True)
    table = pd.DataFrame(rows).pivot_table("found", ["images", "n"], "way", sort=False)
    table["by chance"] = LISTED * SWAPPED / table.index.get_level_values("n")
    print(table.round(1).reset_index().to_markdown(index=False))


if __name__ == "__main__":
    main()
