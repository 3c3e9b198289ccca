"""What the figures of a study are drawn from: its tables, and the images that they show."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from idsharp.attacks.example import Example, read_example
from idsharp.common.records import read_json, read_table
from idsharp.report.tables.records import RUN_KEYS
from idsharp.report.tables.study import first_choice, is_learned
from idsharp.study.layout import Layout
from idsharp.tasks.subsets import load_subset

# Images among which those that are shown are looked for.
_SHOWN = 60


@dataclass(frozen=True)
class Samples:
    """Some images of a task.

    Attributes:
        pixels: n×C×H×W uint8.
        labels: n class numbers.
        classes: name of the class of each.
    """

    pixels: np.ndarray
    labels: np.ndarray
    classes: list[str]


@dataclass(frozen=True)
class ClosestPair:
    """The two most similar images of a task that have different labels.

    Attributes:
        pixels: two C×H×W uint8 images.
        classes: the names of their classes.
        rms: root-mean-square difference of their values, of 255.
    """

    pixels: tuple[np.ndarray, np.ndarray]
    classes: tuple[str, str]
    rms: float


class Results:
    """A study's results, read when they are asked for.

    Args:
        folder: of the study.
        models: its networks, the one that examples show first.
        shown_epsilon: the bound of the attacks that figures show, in 1/255.
    """

    def __init__(self, folder: Path, models: list[str], shown_epsilon: int):
        self.folder, self.shown_epsilon = folder, shown_epsilon
        self._tables: dict[str, pd.DataFrame] = {}
        self.layout = Layout(folder, list(self["datasets"]["task"]), models, [], [])

    def __getitem__(self, name: str) -> pd.DataFrame:
        """A table by its name."""
        if name not in self._tables:
            self._tables[name] = read_table(self.folder / "tables" / f"{name}.csv")
        return self._tables[name]

    def rows(self, table: str, **names: object) -> pd.DataFrame:
        """The rows of a table whose columns have these values."""
        found = self[table]
        for column, value in names.items():
            found = found[found[column] == value]
        return found

    @cached_property
    def runs(self) -> pd.DataFrame:
        """The trained networks on each dataset's own task; those that learned nothing are absent.

        Raises:
            OSError: no network learned anything.
        """
        runs = first_choice(self["runs"])
        runs = runs[is_learned(runs)]
        if runs.empty:
            raise OSError(f"no network learned anything: see {self.folder}/tables/runs.csv")
        return runs

    @property
    def layers(self) -> pd.DataFrame:
        """The layers of these networks."""
        return self["representation_layers"].merge(self.runs[RUN_KEYS])

    @property
    def id_estimator(self) -> str:
        """The estimator of the study's regressions."""
        return self["runs"]["id_estimator"].iloc[0]

    @property
    def representation_estimator(self) -> str:
        """The estimator of the dimension of representations."""
        return self["runs"]["representation_estimator"].iloc[0]

    @property
    def sharpness_m(self) -> int | None:
        """Images on which K_F of the regressions was measured; None where it was not."""
        sizes = self["runs"]["pool_sharpness_m"].dropna()
        return int(sizes.iloc[0]) if len(sizes) else None

    def accuracy_fits(self, *kinds: str) -> pd.DataFrame:
        """The lines of highest accuracy on the ID of the tasks, by the study's estimator."""
        names = {"response": "highest_test_accuracy", "id_of": "task"}
        fits = self.rows("accuracy_vs_id", **names, id_estimator=self.id_estimator)
        return fits[fits["kind"].isin(kinds)]

    def penalty_fits(self) -> pd.DataFrame:
        """The correlations of penalty and K_F over both domains and all networks."""
        names = {"epsilon_255": self.shown_epsilon, "model": "all", "domain": "all"}
        names |= {"response": "loss_penalty", "rule": "definition"}
        return self.rows("loss_penalty_vs_sharpness", **names)

    def published(self, quantity: str) -> dict[str, list[float]]:
        """The papers' values of a quantity by our task, where they can be compared."""
        rows = self.rows("comparison", quantity=quantity).dropna(subset=["task", "ours"])
        found: dict[str, list[float]] = {}
        for row in rows[rows["verdict"] != "not comparable"].itertuples():
            for task in row.task.split(", "):
                found.setdefault(task, []).append(row.published)
        return found

    def published_lines(self) -> pd.DataFrame:
        """The papers' lines of accuracy on ID by domain; none where their points are not ours."""
        names = {"quantity": "accuracy_vs_id", "id_of": "dataset", "kind": "mean"}
        lines = self.rows("published_fits", **names)
        comparable = self.rows("comparison", quantity="highest_test_accuracy")
        return lines[: len(lines) if comparable["ours"].notna().any() else 0]

    def samples(self) -> dict[str, Samples]:
        """The first images of every task."""
        return {task: first_images(self.layout, task) for task in self.layout.tasks}

    def closest_pairs(self) -> dict[str, ClosestPair]:
        """The closest images of different class of every task that has such."""
        found = {task: closest_pair(self.layout, task) for task in self.layout.tasks}
        return {task: pair for task, pair in found.items() if pair is not None}

    def examples(self) -> dict[str, tuple[Example | None, dict[int, str]]]:
        """The attacked image of the first task of every collection that has networks."""
        tasks = self["runs"].drop_duplicates("collection")["task"]
        return {task: first_example(self.layout, task, self.shown_epsilon) for task in tasks}


def first_images(layout: Layout, task: str) -> Samples:
    """The first images of a task, enough to show some of each class."""
    shown = load_subset(layout.images(task), layout.samples(task), "pool")[:_SHOWN]
    names = read_table(layout.samples(task), dtype=str, nrows=_SHOWN, keep_default_na=False)
    return Samples(np.array(shown.images), shown.labels, list(names["class"]))


def closest_pair(layout: Layout, task: str) -> ClosestPair | None:
    """The pair of the pool that sets its K_F; None where K_F is undefined."""
    record = read_json(layout.properties(task, "pool"))
    ids = [record.get("sharpest_first_id"), record.get("sharpest_second_id")]
    if None in ids:
        return None
    samples = read_table(layout.samples(task), dtype=str, keep_default_na=False)
    positions = [samples.index[samples["id"] == name][0] for name in ids]
    images = load_subset(layout.images(task), layout.samples(task), "pool").images
    first, second = (np.array(images[position]) for position in positions)
    rms = float(np.sqrt(((first.astype(float) - second) ** 2).mean()))
    classes = tuple(samples["class"].iloc[position] for position in positions)
    return ClosestPair((first, second), classes, rms)


def first_example(layout: Layout, task: str, epsilon: int) -> tuple[Example | None, dict[int, str]]:
    """The attacked image of the first network that trained, and the names of the classes."""
    found = (read_example(layout.attack_examples(task, m), epsilon) for m in layout.models)
    classes = read_table(layout.samples(task), dtype={"class": str}, usecols=["label", "class"])
    names = classes.drop_duplicates("label").set_index("label")["class"].to_dict()
    return next((example for example in found if example is not None), None), names
