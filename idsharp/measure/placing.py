"""A measured dataset among the tasks of the atlas: charts, two sentences, a record."""

from dataclasses import dataclass

import numpy as np

from idsharp.measure.atlas import (
    CHANNELS,
    ID,
    IMAGES,
    SHARPNESS,
    SIZE,
    Collection,
    K,
    M,
    Task,
    collections_of,
    differences,
    obstacle,
)
from idsharp.measure.published import Chart
from idsharp.measure.verdict import Sentence

_NEAREST = 3


@dataclass(frozen=True)
class Placed:
    """A dataset in the atlas.

    Attributes:
        charts: ID and K_F of collections, with the dataset among them.
        sentences: first those that warn, of conditions that differ; then where the dataset lies.
        record: the same for JSON.
    """

    charts: list[Chart]
    sentences: list[Sentence]
    record: dict


def place(record: dict, tasks: list[Task]) -> Placed:
    """A measured dataset among the collections of the atlas, or why it does not compare."""
    groups = collections_of(tasks)
    what: dict = {"n_collections": len(groups), "n_tasks": len(tasks), "image_size": SIZE}
    what |= {"channels": CHANNELS, "k": K, "m": M, "n_images": IMAGES, "id_estimator": ID}
    reason = obstacle(record) if groups else "it holds no task"
    if reason:
        sentence = Sentence(f"Not compared with the atlas: {reason}.", warns=True)
        found: dict = {"reason": reason, "differences": [], "ranks": {}, "nearest": []}
        return Placed(_charts(record, groups, reason), [sentence], {"atlas": what} | found)
    differ, ranks = differences(record), _ranks(record, groups)
    near = _nearest(record, tasks, groups)
    sentences = [*differ, Sentence(_rank_sentence(ranks)), Sentence(_near_sentence(record, near))]
    found = {"reason": None, "differences": [each.text for each in differ], "ranks": ranks}
    nearest = [
        {"task": task.name, "collection": task.collection, "domain": task.domain,
         ID: task.values[ID], SHARPNESS: task.values[SHARPNESS]}
        for task in near
    ]  # fmt: skip
    return Placed(
        _charts(record, groups), sentences, {"atlas": what} | found | {"nearest": nearest}
    )


def _charts(record: dict, groups: list[Collection], reason: str | None = None) -> list[Chart]:
    charts = []
    for quantity, own, name, title in (
        ("intrinsic_dimension", ID, "dimension", "ID, the atlas"),
        ("label_sharpness", SHARPNESS, "sharpness", f"K_F at M = {M}, the atlas"),
    ):
        why = reason
        if why is None and record[own] is None:
            why = f"it is undefined here ({record[f'{own}_reason']})"
        if why:
            charts.append(Chart(title, quantity, [], why))
            continue
        rows: list[tuple] = [(each.name, each.domain, getattr(each, name)) for each in groups]
        rows.append((record["name"], None, record[own]))
        charts.append(Chart(title, quantity, sorted(rows, key=lambda row: row[2])))
    return charts


def _ranks(record: dict, groups: list[Collection]) -> dict[str, dict]:
    """For each quantity its value, and the number of collections that it is above."""
    dimensions = np.array([each.dimension for each in groups])
    of = len(groups)
    low, high = (int((dimensions < record[f"{ID}_{end}"]).sum()) for end in ("low", "high"))
    above = int((dimensions < record[ID]).sum())
    ranks = {ID: {"value": record[ID], "above": above, "low": low, "high": high, "of": of}}
    if record[SHARPNESS] is not None:
        above = sum(each.sharpness < record[SHARPNESS] for each in groups)
        ranks[SHARPNESS] = {"value": record[SHARPNESS], "above": above, "of": of}
    return ranks


def _nearest(record: dict, tasks: list[Task], groups: list[Collection]) -> list[Task]:
    """The tasks nearest in ln ID and ln K_F, each over its standard deviation of collections."""
    distance = np.zeros(len(tasks))
    for column, name in ((ID, "dimension"), (SHARPNESS, "sharpness")):
        if record[column] is None:
            continue
        spread = np.std(np.log([getattr(each, name) for each in groups])) or 1.0
        own = np.log([task.values[column] for task in tasks])
        distance += ((own - np.log(record[column])) / spread) ** 2
    return [tasks[i] for i in np.argsort(distance, kind="stable")[:_NEAREST]]


def _rank_sentence(ranks: dict[str, dict]) -> str:
    one = ranks[ID]
    ends = "" if one["low"] == one["high"] else (
        f", of {one['low']} to {one['high']} within its 95 % interval"
    )  # fmt: skip
    text = (
        f"Its dimension, {one['value']:.1f}, is above that of {one['above']} of the atlas's "
        f"{one['of']} collections ({SIZE}×{SIZE}, gray){ends}"
    )
    if SHARPNESS not in ranks:
        return f"{text}."
    other = ranks[SHARPNESS]
    return f"{text}, and its K_F, {other['value']:.2e}, above that of {other['above']}."


def _near_sentence(record: dict, near: list[Task]) -> str:
    by = "in dimension" if record[SHARPNESS] is None else "in both"
    listed = "; ".join(
        f"{task.name} ({task.collection}, {task.domain}: ID {task.values[ID]:.1f}, K_F "
        f"{task.values[SHARPNESS]:.2e})"
        for task in near
    )
    return f"Nearest {by}: {listed}."
