"""From an index to the arrays of one task: pool, split, and an audit of what was found."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas as pd

from idsharp.common.duplicates import Duplicates, find_duplicates
from idsharp.common.progress import SILENT, Reporter
from idsharp.common.seeds import generator
from idsharp.datasets import Dataset
from idsharp.datasets.errors import UnreadableImageError
from idsharp.tasks.decode import Form, decode_images
from idsharp.tasks.sampling import (
    SamplingError,
    Split,
    assign_classes,
    draw_classes,
    index_column,
    merge_groups,
    pool_quota,
    split_pool,
)

# So many classes are named in the audit; of more the number is given.
_FEW_CLASSES = 10


@dataclass(frozen=True)
class Request:
    """What a study asks of a task's data; the names are those of config.yaml.

    `classes` may be a draw: {"draw": classes, "number": which one, "at_least": images of each}.
    """

    task: str
    classes: list[list[str]] | dict | None
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
    dataset: Dataset,
    index: pd.DataFrame,
    request: Request,
    report: Reporter = SILENT,
    processes: int = 1,
) -> Prepared:
    """Draw a class-balanced pool, decode it, and divide it.

    Args:
        index: the dataset's index, all columns strings, empty where a value is missing.
        report: told the progress, and what a person should know, such as a pool smaller than asked
            for.
        processes: how many decode images at a time.

    Raises:
        SamplingError: one class where a network is to be trained, too few images for the test set,
            or more unreadable files than the limit allows.
    """
    rows = assign_classes(index, _classes(dataset, index, request), request.label)
    if request.n_test and rows["target"].nunique() == 1:
        label = rows[request.label].iloc[0]
        raise SamplingError(
            f"all {len(rows)} images are of one class ({label!r}), and networks learn to tell "
            "classes apart; name this task under `measured`, or list its classes"
        )
    if request.split == "official" and not (rows["split"] == "test").any():
        raise SamplingError("split: official, but the dataset has no test images of its own")
    rng = generator("pool", request.task)
    form = Form(request.channels, request.image_size)
    read = partial(decode_images, dataset, form, processes=processes, report=report)
    pool, images, found = _draw_pool(read, rows, request, rng, report)
    duplicates = find_duplicates(images, pool["target"].to_numpy())
    split = _split(pool, duplicates.group, request, rng)
    for remark, count in found.remarks.items():
        report.note(f"{request.task}: {count} images: {remark}")
    audit = _audit(rows, pool, split, duplicates, found, request)
    order = np.concatenate([split.train, split.test, split.rest])
    pool["duplicate_of"] = _duplicate_of(pool["id"].to_numpy(), duplicates)
    return Prepared(images[order], _samples(pool, split, order, request.label), audit)


def _classes(dataset: Dataset, index: pd.DataFrame, request: Request) -> list[list[str]] | None:
    """The classes of a task, drawn where it asks for that; the draws are the dataset's."""
    if not isinstance(request.classes, dict):
        return request.classes
    counts = index_column(index, request.label).value_counts()
    draw = request.classes
    return draw_classes(counts, draw["draw"], draw["at_least"], draw["number"], dataset.name)


@dataclass
class _Found:
    """What was found while images were read: unreadable ones (id, reason), and remarks counted."""

    unreadable: list[dict] = field(default_factory=list)
    remarks: Counter = field(default_factory=Counter)


def _draw_pool(
    read: Callable,
    rows: pd.DataFrame,
    request: Request,
    rng: np.random.Generator,
    report: Reporter,
) -> tuple[pd.DataFrame, np.ndarray, _Found]:
    """Rows and standardized images of a balanced pool.

    Args:
        read: `decode_images` of lists of `where` and `id`.
    """
    n_classes = int(rows["target"].max()) + 1
    parts = [(rows, request.pool_size)]
    if request.split == "official":
        # The test images first, so that the rest of the pool does not crowd them out.
        testing = rows["split"] == "test"
        parts = [
            (rows[testing], request.n_test),
            (rows[~testing], request.pool_size - request.n_test),
        ]
    positions: list[int] = []
    images: list[np.ndarray] = []
    found = _Found()
    for part, size in parts:
        counts = np.bincount(part["target"], minlength=n_classes)
        quota = pool_quota(counts, size)
        if quota * n_classes < size - size % n_classes:
            report.note(
                f"{request.task}: {size} images were asked for, {quota * n_classes} make a "
                f"balanced set (images by class: {counts.tolist()})"
            )
        candidates = [
            rng.permutation(part.index[part["target"] == number]) for number in range(n_classes)
        ]
        for of_class in _decode(read, rows, candidates, quota, request, found):
            positions += [position for position, _ in of_class]
            images += [image for _, image in of_class]
    return rows.loc[positions].reset_index(drop=True), np.stack(images), found


def _decode(
    read: Callable,
    rows: pd.DataFrame,
    candidates: list[np.ndarray],
    quota: int,
    request: Request,
    found: _Found,
) -> list[list[tuple[int, np.ndarray]]]:
    """The first `quota` readable candidates of each class, with their pixels.

    Unreadable files give way to the next candidates, up to the limit.
    """
    kept: list[list] = [[] for _ in candidates]
    following = [0] * len(candidates)
    while True:
        batch = []
        for number, order in enumerate(candidates):
            short = quota - len(kept[number])
            batch += [(number, i) for i in order[following[number] : following[number] + short]]
            following[number] += short
        if not batch:
            break
        drawn = rows.loc[[position for _, position in batch]]
        images = read(drawn["where"].tolist(), drawn["id"].tolist())
        # By place in the batch: slices of a volume come together.
        for place, image in sorted(images, key=lambda pair: pair[0]):
            number, position = batch[place]
            if isinstance(image, UnreadableImageError):
                found.unreadable.append({"id": rows["id"][position], "reason": str(image)})
            else:
                kept[number].append((position, image.pixels))
                found.remarks.update(image.remarks)
        _check_limit(found.unreadable, quota * len(candidates), request)
    for number, images in enumerate(kept):
        if len(images) < quota:
            listed = ", ".join(entry["id"] for entry in found.unreadable[:5])
            raise SamplingError(
                f"{len(images)} readable images of class {number} remain where {quota} are needed; "
                f"unreadable: {listed}"
            )
    return kept


def _check_limit(unreadable: list[dict], wanted: int, request: Request) -> None:
    if len(unreadable) > request.unreadable_limit * wanted:
        first = "; ".join(f"{entry['id']}: {entry['reason']}" for entry in unreadable[:5])
        raise SamplingError(
            f"{len(unreadable)} images could not be read where {wanted} are wanted, more than "
            f"unreadable_limit = {request.unreadable_limit} allows. First: {first}"
        )


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


def _samples(pool: pd.DataFrame, split: Split, order: np.ndarray, column: str) -> pd.DataFrame:
    parts = {"train": split.train, "test": split.test, "pool": split.rest}
    rows = pool.iloc[order]
    return pd.DataFrame(
        {
            "id": rows["id"],
            "label": rows["target"],
            "class": rows[column] if column == "label" else column + " " + rows[column],
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
    found: _Found,
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
        "classes": _told_apart(rows, request.label),
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
        "n_unreadable": len(found.unreadable),
        "unreadable": found.unreadable,
        "remarks": [{"remark": text, "n": n} for text, n in found.remarks.items()],
    }


def _told_apart(rows: pd.DataFrame, column: str) -> str:
    """The labels of each class in words; of many classes, their number."""
    by_class = rows.groupby("target")[column].agg(lambda labels: ", ".join(sorted(set(labels))))
    return " | ".join(by_class) if len(by_class) <= _FEW_CLASSES else f"{len(by_class)} classes"
