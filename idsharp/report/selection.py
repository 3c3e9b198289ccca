"""The images that the figures of a study show."""

import numpy as np
import pandas as pd

from idsharp.attacks.example import Example, read_example
from idsharp.study.layout import Layout
from idsharp.tasks.subsets import load_subset

# Images among which those that are shown are looked for.
_SHOWN = 60


def first_images(layout: Layout, task: str) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The first images of a task, enough to show some of each class, with class names."""
    shown = load_subset(layout.images(task), layout.samples(task), "pool")[:_SHOWN]
    names = pd.read_csv(layout.samples(task), dtype=str, nrows=_SHOWN, keep_default_na=False)
    return np.array(shown.images), shown.labels, list(names["class"])


def first_example(layout: Layout, task: str, epsilon: int) -> tuple[Example | None, dict[int, str]]:
    """The attacked image of the first network that trained, and the names of the classes."""
    found = (read_example(layout.attack_examples(task, m), epsilon) for m in layout.models)
    classes = pd.read_csv(layout.samples(task), dtype={"class": str}, usecols=["label", "class"])
    names = classes.drop_duplicates("label").set_index("label")["class"].to_dict()
    return next((example for example in found if example is not None), None), names
