"""Who is in the pool, the test set and the training sets.

The pool is class-balanced. The test set is fixed for a task, and the training sets are nested:
the first N rows of one order, so that 500 ⊂ 750 ⊂ …, each of them class-balanced. Images of one
group (a patient, or identical images) never stand on both sides.
"""

from dataclasses import dataclass
from math import comb

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from idsharp.common.seeds import generator
from idsharp.datasets.base import tidy_word


class SamplingError(ValueError):
    """The data cannot give what was asked for; the message says what was found and what to do."""


@dataclass(frozen=True)
class Split:
    """Positions of one pool's images.

    Attributes:
        train: training order, classes in turn: its first N are the training set of size N.
        test: the test set, class-balanced.
        rest: images of neither: beyond balance, or bound to a test image by patient or identity.
    """

    train: np.ndarray
    test: np.ndarray
    rest: np.ndarray


def assign_classes(
    index: pd.DataFrame, classes: list[list[str]] | None, column: str = "label"
) -> pd.DataFrame:
    """The rows of an index that belong to a task, with their class number in `target`.

    Args:
        index: one row an image.
        classes: for each class the values of `column` that belong to it; None makes every
            distinct value a class, in sorted order.

    Raises:
        SamplingError: no such column, a value that does not occur, or a value in two classes.
    """
    labels = index_column(index, column)
    counts = labels.value_counts().sort_index()
    if classes is None:
        # Where no image has a label, as in a dataset without classes, all are of one class.
        if "" in counts.index and len(counts) > 1:
            raise SamplingError(
                f"{counts['']} of {len(labels)} images have no {column}, such as "
                f"{index['id'][labels == ''].iloc[0]}; label them, or list the classes of the task"
            )
        classes = [[value] for value in counts.index]
    # As a table may write them, "1.0", where the index has "1".
    classes = [[_as_found(str(value), counts) for value in values] for values in classes]
    named = [value for values in classes for value in values]
    missing = [value for value in named if value not in counts]
    if missing:
        found = ", ".join(f"{value} ({count})" for value, count in counts.items())
        raise SamplingError(f"no image is labelled {', '.join(missing)}; labels found: {found}")
    if len(set(named)) < len(named):
        raise SamplingError(f"a label stands in more than one class: {classes}")
    target = {value: number for number, values in enumerate(classes) for value in values}
    rows = index[labels.isin(target)].copy()
    rows["target"] = labels[rows.index].map(target).astype(int)
    return rows.reset_index(drop=True)


def _as_found(value: str, counts: pd.Series) -> str:
    return value if value in counts else tidy_word(value)


def index_column(index: pd.DataFrame, column: str) -> pd.Series:
    """A column of an index as words; SamplingError where it has none of this name."""
    if column not in index:
        raise SamplingError(f"the index has no column {column!r}; it has {list(index.columns)}")
    return index[column].astype(str)


def draw_classes(
    counts: pd.Series, n_classes: int, at_least: int, number: int, seed_name: str
) -> list[list[str]]:
    """One of a sequence of random tasks: as many classes as asked for, all with enough images.

    The sequence holds every set of classes once, in an order that depends on the seed and on the
    names of the classes with enough images, and on nothing else.

    Args:
        counts: images of each label, indexed by label; images without a label ("") are no class.
        at_least: images that a class must have.
        number: place in the sequence, from 1.
        seed_name: names the sequence.

    Returns:
        For each class the list of its one label, sorted, as `assign_classes` takes them.

    Raises:
        SamplingError: too few classes with enough images, or no such place in the sequence.
    """
    named = counts[counts.index.astype(str) != ""]
    eligible = sorted(str(label) for label in named.index[named >= at_least])
    if len(eligible) < n_classes:
        largest = named.sort_values(ascending=False, kind="stable").head(n_classes)
        found = ", ".join(f"{label} ({count})" for label, count in largest.items())
        raise SamplingError(
            f"{n_classes} classes of at least {at_least} images were asked for, {len(eligible)} of "
            f"{len(named)} have as many; the largest: {found or 'none'}"
        )
    sets = comb(len(eligible), n_classes)
    if not 1 <= number <= sets:
        raise SamplingError(
            f"there is no draw number {number}: {len(eligible)} classes with at least {at_least} "
            f"images make {sets} sets of {n_classes}; write a number from 1 to {sets}"
        )
    rng = generator("classes", seed_name)
    drawn: dict[tuple[int, ...], None] = {}
    while len(drawn) < number:
        places = rng.choice(len(eligible), size=n_classes, replace=False)
        drawn.setdefault(tuple(sorted(places.tolist())))
    return [[eligible[place]] for place in list(drawn)[-1]]


def pool_quota(available: np.ndarray, size: int) -> int:
    """Images of each class in a balanced pool of at most `size`, given the counts by class."""
    return int(min(size // len(available), available.min()))


def merge_groups(*codes: np.ndarray) -> np.ndarray:
    """Group numbers in which two images share a group if they share one in any of the codes.

    Args:
        codes: arrays of n group numbers; −1 means: no group known.
    """
    n = len(codes[0])
    edges = []
    for code in codes:
        frame = pd.Series(np.arange(n))[code >= 0]
        firsts = frame.groupby(code[code >= 0]).transform("first")
        edges.append(np.stack([frame.to_numpy(), firsts.to_numpy()]))
    rows, columns = np.concatenate(edges, axis=1)
    graph = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(n, n))
    return connected_components(graph, directed=False)[1]


def split_pool(
    targets: np.ndarray,
    groups: np.ndarray,
    n_test: int,
    rng: np.random.Generator,
    for_test: np.ndarray | None = None,
) -> Split:
    """Divide a pool into a test set, an order of training images, and the rest.

    Args:
        targets: n class numbers, 0 … C − 1.
        groups: n group numbers; a group never stands on both sides.
        n_test: images in the test set, a multiple of C.
        for_test: n booleans where the data have their own split: only these may be test images
            and only the others training images. None: any image may be either.

    Raises:
        SamplingError: too few images for the test set.
    """
    n_classes = int(targets.max()) + 1
    quota = exact_share(n_test, n_classes, "test images")
    allowed = np.ones(len(targets), bool) if for_test is None else for_test
    chosen = _choose_groups(targets, groups, allowed, quota, n_classes, rng)
    drawn = []
    for number in range(n_classes):
        mine = np.flatnonzero(chosen & allowed & (targets == number))
        if len(mine) < quota:
            total = int((allowed & (targets == number)).sum())
            raise SamplingError(
                f"class {number}: the test set needs {quota} images of it, the pool has {total}; "
                "lower n_test or add images"
            )
        drawn.append(np.sort(rng.choice(mine, size=quota, replace=False)))
    test = np.concatenate(drawn)
    bound = np.isin(groups, groups[test])
    trainable = ~bound if for_test is None else ~bound & ~for_test
    # With groups chosen but not needed, images are given back to training.
    order = _interleave(
        [rng.permutation(np.flatnonzero(trainable & (targets == c))) for c in range(n_classes)]
    )
    used = np.concatenate([order, test])
    return Split(order, test, np.setdiff1d(np.arange(len(targets)), used))


def exact_share(n: int, n_classes: int, what: str) -> int:
    """n / C, or a SamplingError that says which numbers would do."""
    if n % n_classes:
        raise SamplingError(
            f"{n} {what} cannot be balanced over {n_classes} classes; write "
            f"{n - n % n_classes} or {n - n % n_classes + n_classes}"
        )
    return n // n_classes


def _choose_groups(
    targets: np.ndarray,
    groups: np.ndarray,
    allowed: np.ndarray,
    quota: int,
    n_classes: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Mark whole groups, in random order, until every class has its quota of test images."""
    counts = np.zeros((int(groups.max()) + 1, n_classes), dtype=int)
    np.add.at(counts, (groups[allowed], targets[allowed]), 1)
    taken = np.zeros(len(counts), bool)
    have = np.zeros(n_classes, dtype=int)
    for group in rng.permutation(len(counts)):
        if (have >= quota).all():
            break
        if (counts[group][have < quota] > 0).any():
            taken[group] = True
            have += counts[group]
    return taken[groups]


def _interleave(by_class: list[np.ndarray]) -> np.ndarray:
    """Take one of each class in turn until the smallest class is used up."""
    shortest = min(len(members) for members in by_class)
    return np.stack([members[:shortest] for members in by_class], axis=1).ravel()
