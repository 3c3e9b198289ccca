"""The work behind `idsharp measure`: dimension, sharpness and audit of one's own images."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from idsharp.common.progress import Reporter
from idsharp.common.seeds import generator
from idsharp.datasets import Dataset
from idsharp.measure import audit
from idsharp.measure.decode import Decoded, decode
from idsharp.measure.values import CURVE_KS, dimension_values, sharpness_values
from idsharp.properties.neighbors.search import nearest_neighbors
from idsharp.properties.record import Search, search, take
from idsharp.tasks.sampling import pool_quota

# Neighbours by which near-duplicates are found, where they need a search of their own.
_AUDIT_NEIGHBORS = 10


class MeasureError(ValueError):
    """These images cannot be measured as asked; the message says why and what to do."""


@dataclass(frozen=True)
class Options:
    """How to measure; the names are those of the command line.

    Attributes:
        size: pixels of a side; None keeps the images' own size where all are equal.
        channels: 1 or 3.
        scaling: "maximum" (each image by its own) or "none".
        k: neighbours of the MLE.
        max_images: images measured, at most.
        balanced: as many images of each class.
        m, draws: of label sharpness.
        near: root-mean-square difference below which images are near-duplicates.
        seed: of the choice of images and of the draws.
        skip_unreadable: go on without images that cannot be read.
        curves: also measure over k and over M.
    """

    size: int | None = None
    channels: int = 1
    scaling: str = "maximum"
    k: int = 20
    max_images: int = 7500
    balanced: bool = True
    m: int = 1000
    draws: int = 25
    near: float = audit.NEAR_THRESHOLD
    seed: int = 0
    skip_unreadable: bool = False
    curves: bool = False


@dataclass(frozen=True)
class Measured:
    """What was measured, and what figures are made from.

    Attributes:
        record: values and counts, flat, and lists of ids; no NaN.
        index: all readable images: id, where, label, split.
        images: n×C×H×W uint8, the images measured.
        pool: their n positions in `index`.
        found: their neighbours; positions in it are of `images`.
        exact: groups of identical images, near: pairs of near-duplicates; positions in `index`.
    """

    record: dict
    index: pd.DataFrame
    images: np.ndarray
    pool: np.ndarray
    found: Search
    exact: audit.Groups
    near: audit.NearPairs


def measure(dataset: Dataset, index: pd.DataFrame, options: Options, report: Reporter) -> Measured:
    """Measure the images of an index.

    Args:
        index: from `idsharp.measure.inputs.list_images`.

    Raises:
        MeasureError: fewer than k + 1 different images.
        DecodingError, UnreadableImageError: an image cannot be read.
    """
    pool = choose_pool(index["label"], options, report)
    # Where all images fit into the limit, all are kept, for the audit.
    keep = pool if len(index) > options.max_images else np.ones(len(index), bool)
    decoded = decode(
        dataset,
        index,
        keep,
        size=options.size,
        channels=options.channels,
        scaling=options.scaling,
        skip_unreadable=options.skip_unreadable,
        report=report,
    )
    _remark(decoded, options, report)
    # From here on positions count the readable images alone.
    number = np.cumsum(decoded.readable) - 1
    index = index[decoded.readable].reset_index(drop=True)
    kept, pool = number[decoded.kept], number[np.flatnonzero(pool & decoded.readable)]
    images = take(decoded.images, np.flatnonzero(np.isin(kept, pool)))
    labels = index["label"].to_numpy()[pool]
    _check_enough(images, options.k)
    depth = max(2 * options.k, *CURVE_KS) if options.curves else 2 * options.k
    report.say(f"comparing {len(images)} images with one another")
    found = search(images, labels, depth, report)
    if len(found.first) <= options.k:
        raise MeasureError(
            f"{len(images)} images, of which {len(found.first)} are different: k = {options.k} "
            f"needs at least {options.k + 1}; lower -k or add images"
        )
    record = _described(decoded, index, pool, options)
    record |= dimension_values(found, len(images), options.k, options.curves)
    ids = index["id"].to_numpy()[pool]
    record |= sharpness_values(
        images, labels, ids, found,
        m=options.m, draws=options.draws, seed=options.seed, curves=options.curves,
        report=report,
    )  # fmt: skip
    audited, exact, near = _audit(decoded, index, kept, pool, found, options, report)
    return Measured(record | audited, index, images, pool, found, exact, near)


def choose_pool(labels: pd.Series, options: Options, report: Reporter) -> np.ndarray:
    """n booleans: the images to measure, as many of each class as the smallest class allows."""
    rng = generator("measure", options.seed, "pool")
    names, codes = np.unique(labels.to_numpy(dtype=str), return_inverse=True)
    counts = np.bincount(codes)
    chosen = np.zeros(len(codes), bool)
    if not options.balanced:
        chosen[rng.permutation(len(codes))[: options.max_images]] = True
    else:
        quota = pool_quota(counts, options.max_images)
        if quota == 0:
            raise MeasureError(
                f"{len(names)} classes do not fit into {options.max_images} images; raise "
                "--max-images, choose --classes, or ignore them with --no-labels"
            )
        for code in range(len(names)):
            chosen[rng.permutation(np.flatnonzero(codes == code))[:quota]] = True
    n = int(chosen.sum())
    if n < len(codes):
        why = f"--max-images {options.max_images}" if n + len(names) > options.max_images else (
            f"the smallest class has {counts.min()}; --unbalanced takes all"
        )  # fmt: skip
        evenly = f", {n // len(names)} of each class" if options.balanced and len(names) > 1 else ""
        report.note(f"{n} of {len(codes)} images are measured{evenly} ({why})")
    return chosen


def _remark(decoded: Decoded, options: Options, report: Reporter) -> None:
    """Say what was done to the images that nobody asked for."""
    if decoded.sizes is not None:
        (a, b), (c, d) = decoded.sizes
        size = decoded.images.shape[2]
        report.note(
            f"the images differ in size (such as {a}×{b} and {c}×{d}); all were resized to "
            f"{size}×{size}"
        )
    if decoded.color and options.channels == 1:
        report.note("colour images are measured in grey (--channels 3 keeps colour)")
    for remark, count in decoded.remarks.items():
        report.note(f"{count} images: {remark}")
    if decoded.unreadable:
        first = decoded.unreadable[0]["reason"]
        report.note(f"{len(decoded.unreadable)} unreadable images are left out; first: {first}")


def _check_enough(images: np.ndarray, k: int) -> None:
    if len(images) < k + 1:
        raise MeasureError(
            f"{len(images)} images: k = {k} needs at least {k + 1}; lower -k or add images"
        )


def _described(decoded: Decoded, index: pd.DataFrame, pool: np.ndarray, options: Options) -> dict:
    """Which images these are, and what was done to them."""
    labels = index["label"]
    classes = labels[labels != ""].value_counts().sort_index()
    measured = labels.iloc[pool].value_counts()
    splits = index["split"].value_counts()
    channels, height, width = decoded.images.shape[1:]
    return {
        "n_available": len(index),
        "n_classes": len(classes),
        "classes": [
            {"label": name, "n_available": int(count), "n_measured": int(measured.get(name, 0))}
            for name, count in classes.items()
        ],
        "splits": [
            {"split": name, "n": int(splits[name])} for name in index["split"].unique() if name
        ],
        "n_patients": int(index["patient"][index["patient"] != ""].nunique()),
        "height": height,
        "width": width,
        "channels": channels,
        "scaling": options.scaling,
        "resized": bool(options.size is not None or decoded.sizes is not None),
        "n_unreadable": len(decoded.unreadable),
        "unreadable": decoded.unreadable,
        "remarks": [{"remark": text, "n": n} for text, n in decoded.remarks.items()],
        "seed": options.seed,
    }


def _audit(
    decoded: Decoded,
    index: pd.DataFrame,
    kept: np.ndarray,
    pool: np.ndarray,
    found: Search,
    options: Options,
    report: Reporter,
) -> tuple[dict, audit.Groups, audit.NearPairs]:
    """Identical images among all, near-duplicates among the images that are in memory."""
    ids, labels, splits = (index[name].to_numpy() for name in ("id", "label", "split"))
    exact = audit.exact_duplicates(decoded.digests[decoded.readable], labels, splits)
    if len(kept) == len(pool):
        neighbors, positions = found.neighbors, pool[found.first]
    else:
        report.say(f"looking for near-duplicates among all {len(kept)} images")
        first = np.unique(decoded.digests[decoded.kept], axis=0, return_index=True)[1]
        first.sort()
        distinct = decoded.images[first]
        positions = kept[first]
        depth = min(_AUDIT_NEIGHBORS, len(distinct) - 1)
        neighbors = nearest_neighbors(distinct, depth, labels[positions], report=report)
    near = audit.near_duplicates(neighbors, decoded.images[0].size, options.near)
    near = audit.NearPairs(positions[near.pairs], near.differences, near.complete)
    groups = audit.near_groups(near, len(index), labels, splits)
    record = {"n_audited": len(index), "n_audited_near": len(kept)}
    record |= audit.exact_record(exact, ids, labels, splits)
    return record | audit.near_record(near, groups, options.near, ids, labels, splits), exact, near
