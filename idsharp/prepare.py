"""From an index to the arrays of one task: pool, split, and an audit of what was found."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from idsharp.datasets import Dataset
from idsharp.duplicates import Duplicates, find_duplicates
from idsharp.images import UnreadableImageError, standardize
from idsharp.sampling import (
    SamplingError,
    Split,
    assign_classes,
    merge_groups,
    pool_quota,
    split_pool,
)
from idsharp.seeds import generator


@dataclass(frozen=True)
class Request:
    """What a study asks of a task's data; the names are those of config.yaml."""

    task: str
    classes: list[list[str]] | None
    label: str
    split: str
    image_size: int
    channels: int
    pool_size: int
    n_test: int
    unreadable_limit: float


@dataclass(frozen=True)
class Prepared:
    """Arrays and tables of one task.

    Attributes:
        images: N×C×H×W uint8; training images in training order, then the test set, then the rest,
            so that the training set of size n is `images[:n]`.
        samples: a row an image: id, label (class number), class, patient, split (train, test or
            pool), order (place in its split), duplicate_of (id of the first identical image).
        audit: flat record of counts, duplicates, conflicts and unreadable files.
    """

    images: np.ndarray
    samples: pd.DataFrame
    audit: dict


def prepare_task(
    dataset: Dataset, index: pd.DataFrame, request: Request, report: Callable[[str], None] = print
) -> Prepared:
    """Draw a class-balanced pool, decode it, and divide it.

    Args:
        index: the dataset's index, all columns strings, empty where a value is missing.
        report: receives what a person should know, such as a pool smaller than asked for.

    Raises:
        SamplingError: too few images for the test set, or more unreadable files than the limit
            allows.
    """
    rows = assign_classes(index, request.classes, request.label)
    if request.split == "official" and not (rows["split"] == "test").any():
        raise SamplingError("split: official, but the dataset has no test images of its own")
    rng = generator("pool", request.task)
    pool, images, unreadable = _draw_pool(dataset, rows, request, rng, report)
    duplicates = find_duplicates(images, pool["target"].to_numpy())
    split = _split(pool, duplicates.group, request, rng)
    audit = _audit(rows, pool, split, duplicates, unreadable, request)
    order = np.concatenate([split.train, split.test, split.rest])
    pool["duplicate_of"] = _duplicate_of(pool["id"].to_numpy(), duplicates)
    return Prepared(images[order], _samples(pool, split, order), audit)


def _draw_pool(
    dataset: Dataset,
    rows: pd.DataFrame,
    request: Request,
    rng: np.random.Generator,
    report: Callable[[str], None],
) -> tuple[pd.DataFrame, np.ndarray, list[dict]]:
    """Rows and standardized images of a balanced pool; unreadable files give way to the next."""
    n_classes = int(rows["target"].max()) + 1
    official = request.split == "official"
    parts = [(rows, request.pool_size)]
    if official:
        # The test images first, so that the rest of the pool does not crowd them out.
        testing = rows["split"] == "test"
        parts = [
            (rows[testing], request.n_test),
            (rows[~testing], request.pool_size - request.n_test),
        ]
    positions: list[int] = []
    images: list[np.ndarray] = []
    unreadable: list[dict] = []
    for part, size in parts:
        counts = np.bincount(part["target"], minlength=n_classes)
        quota = pool_quota(counts, size)
        if quota * n_classes < size - size % n_classes:
            report(
                f"{request.task}: {size} images were asked for, {quota * n_classes} make a "
                f"balanced set (images by class: {counts.tolist()})"
            )
        for number in range(n_classes):
            candidates = rng.permutation(part.index[part["target"] == number])
            read = _decode(dataset, rows, candidates, quota, request, unreadable)
            positions += [position for position, _ in read]
            images += [image for _, image in read]
    limit = request.unreadable_limit * len(positions)
    if len(unreadable) > limit:
        first = "; ".join(f"{entry['id']}: {entry['reason']}" for entry in unreadable[:5])
        raise SamplingError(
            f"{len(unreadable)} of {len(positions) + len(unreadable)} images could not be read, "
            f"more than unreadable_limit = {request.unreadable_limit} allows. First: {first}"
        )
    return rows.loc[positions].reset_index(drop=True), np.stack(images), unreadable


def _decode(
    dataset: Dataset,
    rows: pd.DataFrame,
    candidates: np.ndarray,
    quota: int,
    request: Request,
    unreadable: list[dict],
) -> list[tuple[int, np.ndarray]]:
    """The first `quota` readable candidates of a class, with their pixels."""
    read = []
    for position in candidates:
        if len(read) == quota:
            break
        row = rows.loc[position]
        try:
            pixels = dataset.read(row["where"])
            read.append((position, standardize(pixels, request.image_size, request.channels)))
        except (UnreadableImageError, ValueError) as error:
            unreadable.append({"id": row["id"], "reason": str(error)})
    if len(read) < quota:
        raise SamplingError(
            f"{len(read)} readable images of a class remain where {quota} are needed; "
            f"unreadable: {', '.join(entry['id'] for entry in unreadable[:5])}"
        )
    return read


def _split(
    pool: pd.DataFrame, identical: np.ndarray, request: Request, rng: np.random.Generator
) -> Split:
    targets = pool["target"].to_numpy()
    codes = [identical]
    if request.split != "image":
        codes.append(pd.factorize(pool["patient"].mask(pool["patient"] == ""))[0])
    for_test = (pool["split"] == "test").to_numpy() if request.split == "official" else None
    return split_pool(targets, merge_groups(*codes), request.n_test, rng, for_test)


def _duplicate_of(ids: np.ndarray, duplicates: Duplicates) -> np.ndarray:
    first = duplicates.first[duplicates.group]
    return np.where(first == np.arange(len(ids)), "", ids[first])


def _samples(pool: pd.DataFrame, split: Split, order: np.ndarray) -> pd.DataFrame:
    parts = {"train": split.train, "test": split.test, "pool": split.rest}
    rows = pool.iloc[order]
    return pd.DataFrame(
        {
            "id": rows["id"],
            "label": rows["target"],
            "class": rows["label"],
            "patient": rows["patient"],
            "split": np.repeat(list(parts), [len(part) for part in parts.values()]),
            "order": np.concatenate([np.arange(len(part)) for part in parts.values()]),
            "duplicate_of": rows["duplicate_of"],
        }
    ).reset_index(drop=True)


def _audit(
    rows: pd.DataFrame,
    pool: pd.DataFrame,
    split: Split,
    duplicates: Duplicates,
    unreadable: list[dict],
    request: Request,
) -> dict:
    ids = pool["id"].to_numpy()
    patients = pool["patient"][pool["patient"] != ""]
    shares = {
        f"n_available_class_{number}": int(count)
        for number, count in enumerate(np.bincount(rows["target"]))
    }
    return {
        "task": request.task,
        "image_size": request.image_size,
        "channels": request.channels,
        "n_classes": int(rows["target"].max()) + 1,
        "n_pool_requested": request.pool_size,
        "n_pool": len(pool),
        "n_test": len(split.test),
        "n_train_available": len(split.train),
        **shares,
        "split": request.split,
        "n_patients": int(patients.nunique()),
        "patient_disjoint": bool(len(patients) == len(pool) and request.split != "image"),
        "n_duplicates": duplicates.n_extra,
        "n_label_conflicts": int(duplicates.conflicting.sum()),
        "label_conflict_ids": sorted(ids[duplicates.conflicting].tolist()),
        "n_unreadable": len(unreadable),
        "unreadable": unreadable,
    }
