"""The atlas of measured tasks (resources/atlas.csv), and whether a record compares with it."""

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from idsharp.common.progress import Reporter
from idsharp.common.resources import atlas_rows
from idsharp.measure.verdict import Sentence

#: The estimator by which tasks are compared, and K_F: their columns here and in records.
ID, SHARPNESS = "id_mle_k1", "label_sharpness"
#: How the tasks were measured; the number of images is that of most of them.
SIZE, CHANNELS, K, M, IMAGES = 64, 1, 20, 1000, 2000
#: Shares of IMAGES between which dimensions compare.
_FEWER, _MORE = 0.9, 1.1


@dataclass(frozen=True)
class Task:
    """A row of the atlas; `values` has the columns of numbers, without empty cells."""

    name: str
    collection: str
    domain: str
    values: dict[str, float]


@dataclass(frozen=True)
class Collection:
    """Tasks on images of one origin: their mean ID, and the geometric mean of their K_F."""

    name: str
    domain: str
    tasks: list[Task]
    dimension: float
    sharpness: float


def read_atlas(rows: Sequence[dict[str, str]] | None = None) -> list[Task]:
    """The tasks that compare: with K_F at M = 1000, and the first of several on the same images.

    Args:
        rows: of the file; None reads it.
    """
    tasks = []
    for row in atlas_rows() if rows is None else rows:
        values = {name: value for name, text in row.items() if (value := _number(text)) is not None}
        measured = {ID, SHARPNESS} <= values.keys() and values.get(f"{SHARPNESS}_m") == M
        if measured and not row["instead_of"]:
            tasks.append(Task(row["task"], row["collection"], row["domain"], values))
    return tasks


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def collections_of(tasks: list[Task]) -> list[Collection]:
    """The collections of tasks, in their order."""
    found = []
    for name in dict.fromkeys(task.collection for task in tasks):
        own = [task for task in tasks if task.collection == name]
        dimension = float(np.mean([task.values[ID] for task in own]))
        sharpness = float(np.exp(np.mean([np.log(task.values[SHARPNESS]) for task in own])))
        found.append(Collection(name, own[0].domain, own, dimension, sharpness))
    return found


def as_in_the_atlas(args: Namespace, report: Reporter) -> None:
    """Set what the command line leaves open to what the atlas was measured with, and say so."""
    left = {
        name: value
        for name, value in (("size", SIZE), ("max_images", IMAGES))
        if getattr(args, name) is None
    }
    for name, value in left.items():
        setattr(args, name, value)
    if left:
        words = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in left.items())
        report.note(f"measured as the atlas was: {words}")


def obstacle(record: dict) -> str | None:
    """Why a record does not compare with the atlas at all; None where it does."""
    height, width = record["height"], record["width"]
    if (height, width) != (SIZE, SIZE):
        return f"its images have {SIZE}×{SIZE} pixels, these {height}×{width}; add --size {SIZE}"
    if record["channels"] != CHANNELS:
        return f"its images are gray, these have color; add --channels {CHANNELS}"
    if record["scaling"] != "maximum":
        return "its images are scaled each by its own maximum; add --scaling maximum"
    if record["k"] != K:
        return f"it was measured with k = {K}, these images with k = {record['k']}; add -k {K}"
    m = record.get(f"{SHARPNESS}_m")
    if m is not None and m != min(M, record[f"{SHARPNESS}_n"]):
        return f"its K_F is of M = {M} images, here of {m}; add --m {M}"
    if record[ID] is None:
        return f"the dimension is undefined: {record[f'{ID}_reason']}"
    return None


def differences(record: dict) -> list[Sentence]:
    """What differs between a comparable record and the atlas, and which way it shifts numbers."""
    found, n, m = [], record["n_images"], record.get(f"{SHARPNESS}_m")
    if not _FEWER * IMAGES <= n <= _MORE * IMAGES:
        than = "higher" if n > IMAGES else "lower"
        advice = f" (add --max-images {IMAGES})" if n > IMAGES else ""
        found.append(
            f"{n} images were measured, in the atlas mostly {IMAGES}: the dimension comes out "
            f"{than} than it would there{advice}."
        )
    if m is not None and m < M:
        found.append(
            f"K_F is of M = {m} images, in the atlas of {M}: it comes out lower than there."
        )
    if record["n_classes"] > 2:
        found.append(
            f"{record['n_classes']} classes are told apart, in the atlas two (--classes A,B)."
        )
    return [Sentence(text, warns=True) for text in found]
