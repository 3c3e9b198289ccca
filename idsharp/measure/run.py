"""The work behind `idsharp measure`: dimension, sharpness and audit of one's own images."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from idsharp.common.progress import Reporter
from idsharp.common.seeds import generator
from idsharp.datasets import Dataset
from idsharp.measure import audit
from idsharp.measure.decode import Decoded, decode
from idsharp.measure.options import Options
from idsharp.measure.values import CURVE_KS, dimension_values, sharpness_values
from idsharp.properties.labelled import Search, search
from idsharp.properties.neighbors.search import nearest_neighbors
from idsharp.tasks.decode import Form
from idsharp.tasks.sampling import pool_quota

# Neighbors by which near-duplicates are found, where they need a search of their own.
_AUDIT_NEIGHBORS = 10


class MeasureError(ValueError):
    """These images cannot be measured as asked; the message says why and what to do."""


@dataclass(frozen=True)
class Measured:
    """What was measured, and what figures and lists are made from.

    All positions are rows of `decoded.index`.

    Attributes:
        record: values and counts, flat, and lists of ids; no NaN.
        decoded: the readable images.
        found: neighbors among the images measured.
        sharpest: p×2 positions, the most similar images of different classes, nearest first.
        exact: groups of identical images.
        near: pairs of near-duplicates.
    """

    record: dict
    decoded: Decoded
    found: Search
    sharpest: np.ndarray
    exact: audit.Groups
    near: audit.NearPairs


def measure(
    dataset: Dataset,
    index: pd.DataFrame,
    options: Options,
    report: Reporter,
    names: dict[str, str],
) -> Measured:
    """Measure the images of an index.

    Args:
        index: from `idsharp.measure.inputs.list_images`.
        names: what the record begins with: the name, path and format of the collection.

    Raises:
        MeasureError: fewer than k + 1 different images.
        DecodingError, UnreadableImageError: an image cannot be read.
    """
    chosen = choose_pool(index["label"], options, report)
    # Where all images fit into the limit, all are kept, for the audit.
    keep = chosen if len(index) > options.max_images else np.ones(len(index), bool)
    decoded = decode(
        dataset,
        index.assign(measured=chosen),
        keep,
        Form(options.channels, options.size, options.scaling),
        skip_unreadable=options.skip_unreadable,
        report=report,
    )
    _remark(decoded, options, report)
    pool = np.flatnonzero(decoded.column("measured"))
    found = _searched(decoded, pool, options, report)
    record = names | _described(decoded, pool, options)
    record |= dimension_values(found, len(pool), options.k, options.curves)
    sharpness, sharpest = sharpness_values(decoded, found, options, report)
    audited, exact, near = _audit(decoded, pool, found, options, report)
    return Measured(record | sharpness | audited, decoded, found, sharpest, exact, near)


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
        size = decoded.form.size
        report.note(
            f"the images differ in size (such as {a}×{b} and {c}×{d}); all were resized to "
            f"{size}×{size}"
        )
    if decoded.color and options.channels == 1:
        report.note("color images are measured in gray (--channels 3 keeps color)")
    for remark, count in decoded.remarks.items():
        report.note(f"{count} images: {remark}")
    left_out = decoded.dataset.left_out
    if left_out.n_files:
        report.note(f"{left_out.n_files} files are left out: {left_out}")
    if decoded.unreadable:
        first = decoded.unreadable[0]["reason"]
        report.note(f"{len(decoded.unreadable)} unreadable images are left out; first: {first}")


def _searched(decoded: Decoded, pool: np.ndarray, options: Options, report: Reporter) -> Search:
    """Neighbors among the images measured, enough of them for every value that is asked for."""
    needed, advice = options.k + 1, "lower -k or add images"
    if len(pool) < needed:
        raise MeasureError(f"{len(pool)} images: k = {options.k} needs at least {needed}; {advice}")
    depth = max(2 * options.k, *CURVE_KS) if options.curves else 2 * options.k
    report.say(f"comparing {len(pool)} images with one another")
    found = search(decoded.images(pool), decoded.column("label", pool), depth, report)
    if len(found.first) < needed:
        raise MeasureError(
            f"{len(pool)} images, of which {len(found.first)} are different: k = {options.k} "
            f"needs at least {needed}; {advice}"
        )
    return found.at(pool)


def _described(decoded: Decoded, pool: np.ndarray, options: Options) -> dict:
    """Which images these are, and what was done to them."""
    index, labels = decoded.index, decoded.index["label"]
    classes = labels[labels != ""].value_counts().sort_index()
    measured = labels.iloc[pool].value_counts()
    splits = index["split"].value_counts()
    channels, height, width = decoded.pixels.shape[1:]
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
        "resized": decoded.form.size is not None,
        "n_left_out": decoded.dataset.left_out.n_files,
        "left_out": decoded.dataset.left_out.record(),
        "n_unreadable": len(decoded.unreadable),
        "unreadable": decoded.unreadable,
        "remarks": [{"remark": text, "n": n} for text, n in decoded.remarks.items()],
        "seed": options.seed,
    }


def _audit(
    decoded: Decoded, pool: np.ndarray, found: Search, options: Options, report: Reporter
) -> tuple[dict, audit.Groups, audit.NearPairs]:
    """Identical images among all, near-duplicates among the images that are in memory."""
    labels, splits = decoded.column("label"), decoded.column("split")
    exact = audit.exact_duplicates(decoded.digests, labels, splits)
    if len(decoded.kept) == len(pool):
        neighbors, positions = found.neighbors, found.first
    else:
        report.say(f"looking for near-duplicates among all {len(decoded.kept)} images")
        first = np.unique(decoded.digests[decoded.kept], axis=0, return_index=True)[1]
        positions = decoded.kept[np.sort(first)]
        depth = min(_AUDIT_NEIGHBORS, len(positions) - 1)
        neighbors = nearest_neighbors(
            decoded.images(positions), depth, labels[positions], report=report
        )
    near = audit.near_duplicates(neighbors, decoded.pixels[0].size, options.near)
    near = audit.NearPairs(positions[near.pairs], near.differences, near.complete)
    groups = audit.near_groups(near, len(decoded.index), labels, splits)
    ids = decoded.column("id")
    record = {"n_audited": len(decoded.index), "n_audited_near": len(decoded.kept)}
    record |= audit.exact_record(exact, ids, labels, splits)
    record |= audit.near_record(near, groups, options.near, ids, labels, splits)
    return record, exact, near
