"""How tests open Duke-Breast-Cancer-MRI and Prostate-MRI-US-Biopsy."""

from idsharp.datasets import open_dataset
from idsharp.tasks.prepare import Request
from tests.datasets.miniatures import duke

DUKE_FILES = "Breast-Cancer-MRI-filepath_filename-mapping"


def open_duke(path, data_dir="data", **settings):
    given = {} if path is None else {"path": str(path)}
    settings = {"adapter": "duke_breast", "pool_size": 1000} | given | settings
    return open_dataset("dbc", settings, data_dir)


def open_prostate(path, data_dir="data", **settings):
    given = {} if path is None else {"path": str(path)}
    return open_dataset("prostate_us", {"adapter": "prostate", **given, **settings}, data_dir)


def request(task, classes, channels=1, pool=12, n_test=4):
    return Request(
        task=task, classes=classes, label="label", split="patient", image_size=32,
        channels=channels, pool_size=pool, n_test=n_test, unreadable_limit=0.01,
    )  # fmt: skip


def expected_labels(patient):
    """By the protocol: start <= slice < end, and at least five slices outside the box."""
    start, end = duke.BOXES[patient]
    numbers = range(1, duke.DEPTH + 1)
    tumor = {n: "tumor" for n in numbers if start <= n < end}
    return tumor | {n: "empty" for n in numbers if n <= start - 5 or n >= end + 5}


def of_duke(server, sequence):
    return {s.uid for s in server.series.values() if s.description.endswith(sequence)}
