"""One neighbor search of a labelled set, from which dimension and sharpness are both measured."""

from dataclasses import dataclass, replace

import numpy as np

from idsharp.common.duplicates import find_duplicates
from idsharp.common.progress import SILENT, Reporter
from idsharp.properties.neighbors.search import Neighbors, nearest_neighbors


@dataclass(frozen=True)
class Search:
    """Neighbors of a labelled set: what dimension and sharpness are both made from.

    Attributes:
        first: positions of the distinct images, one copy of each.
        neighbors: of those, in their order.
        usable: positions of those that occur under one label only; the others take part in the
            dimension, not in K_F.
        between_classes: neighbors among the usable; None where there is none.
        n_duplicates, n_conflicts: images that repeat an earlier one, and that occur under several
            labels.
    """

    first: np.ndarray
    neighbors: Neighbors
    usable: np.ndarray
    between_classes: Neighbors | None
    n_duplicates: int
    n_conflicts: int

    def at(self, positions: np.ndarray) -> "Search":
        """The same, with the images at other positions, such as those in a larger collection."""
        return replace(self, first=positions[self.first], usable=positions[self.usable])


def search(
    images: np.ndarray,
    labels: np.ndarray,
    n_neighbors: int,
    report: Reporter = SILENT,
) -> Search:
    """The nearest neighbors of the distinct images, and their nearest of another class.

    Args:
        n_neighbors: to find, as far as there are that many.
        report: told the progress.
    """
    duplicates = find_duplicates(images, labels)
    first = duplicates.first
    distinct = take(images, first)
    n_neighbors = min(n_neighbors, len(distinct) - 1)
    keep = ~duplicates.conflicting[first]
    usable = first[keep]
    if keep.all():
        neighbors = between_classes = nearest_neighbors(
            distinct, n_neighbors, labels[first], report=report
        )
    else:
        neighbors = nearest_neighbors(distinct, n_neighbors, report=report)
        rest = distinct[keep]
        between_classes = None
        if len(rest):
            between_classes = nearest_neighbors(rest, 0, labels[usable], report=report)
    n_conflicts = int(duplicates.conflicting.sum())
    return Search(first, neighbors, usable, between_classes, duplicates.n_extra, n_conflicts)


def take(images: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """These images; the array itself, uncopied, where that is all of them."""
    return images if len(positions) == len(images) else images[positions]
