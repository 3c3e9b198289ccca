"""What tests of collections with tables of labels share."""

import numpy as np

from idsharp.datasets import open_dataset
from idsharp.datasets.base import INDEX_COLUMNS
from idsharp.tasks.images import standardize
from idsharp.tasks.prepare import Request, prepare_task
from tests.datasets.miniatures import chexpert, mura, oai, rsna
from tests.datasets.miniatures.truth import truncate

MINIATURES = {"chexpert": chexpert, "mura": mura, "oai": oai, "rsna": rsna}


def dataset_at(adapter, path, **settings):
    return open_dataset(adapter, {"adapter": adapter, "path": str(path), **settings})


def check_index(index, truth, ids=None):
    """Columns, labels, patients of an index, and that it holds these images and no others."""
    assert list(index.columns)[: len(INDEX_COLUMNS)] == INDEX_COLUMNS
    assert all(isinstance(cell, str) for cell in index.to_numpy().ravel())
    assert index["id"].is_unique
    assert set(index["id"]) == (set(truth.labels) if ids is None else ids)
    by_id = index.set_index("id")
    assert by_id["label"].to_dict() == {i: truth.labels[i] for i in by_id.index}
    assert by_id["patient"].to_dict() == {i: truth.patients[i] for i in by_id.index}


def prepare(dataset, index, classes, **changes):
    settings = {
        "task": "t", "classes": classes, "label": "label", "split": "patient", "image_size": 32,
        "channels": 1, "pool_size": 40, "n_test": 8, "unreadable_limit": 0.1,
    }  # fmt: skip
    return prepare_task(dataset, index, Request(**settings | changes))


def check_prepared(prepared, truth, n, tolerance=0):
    """A balanced pool, no patient on both sides, the pixels that were written."""
    samples = prepared.samples
    assert samples["label"].value_counts().to_dict() == {0: n // 2, 1: n // 2}
    sides = samples.groupby("split")["patient"].agg(set)
    assert sides["train"] and sides["test"] and not sides["train"] & sides["test"]
    assert prepared.audit["patient_disjoint"] is True
    assert samples["patient"].tolist() == [truth.patients[i] for i in samples["id"]]
    for identity, image in zip(samples["id"], prepared.images, strict=True):
        expected = standardize(truth.pixels[identity], 32, 1).astype(int)
        assert np.abs(image.astype(int) - expected).max() <= tolerance, identity


def one_unreadable(dataset, truth, index, classes, broken, **changes):
    """`broken` (id, file) is replaced and recorded where all others of its class are needed."""
    identity, file = broken
    truncate(file)
    mine = next(values for values in classes if truth.labels[identity] in values)
    quota = int(index["label"].isin(mine).sum()) - 1
    prepared = prepare(dataset, index, classes, pool_size=2 * quota, **changes)
    assert identity not in set(prepared.samples["id"])
    assert [entry["id"] for entry in prepared.audit["unreadable"]] == [identity]
    assert file.name in prepared.audit["unreadable"][0]["reason"]
    return prepared
