"""What tests of collections of volumes share."""

from pathlib import Path

from idsharp.tasks.prepare import Request
from tests.datasets.miniatures import brats


def request(**changed) -> Request:
    names = {"task": "t", "classes": [["empty"], ["tumour"]], "label": "label", "split": "patient"}
    numbers = {"image_size": 32, "channels": 1, "pool_size": 40, "n_test": 4}
    settings = names | numbers | {"unreadable_limit": 0.0} | changed
    return Request(**settings)


def labels_of(index, case, column="label"):
    rows = index[index["patient"] == case]
    slices = rows["id"].str.rpartition("#")[2].astype(int)
    return dict(zip(slices, rows[column], strict=True))


def expected_labels():
    # The brain begins less than ten slices below the tumour.
    near = range(brats.BRAIN.start, brats.TUMOUR.stop + 10)
    labels = dict.fromkeys(brats.BRAIN, "empty") | dict.fromkeys(near, "ambiguous")
    return labels | dict.fromkeys(brats.TUMOUR, "tumour")


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
