"""From an index to arrays: what ends up where, and what is said about it."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from idsharp.common.progress import Reporter
from idsharp.datasets.base import INDEX_COLUMNS, Dataset
from idsharp.datasets.errors import UnreadableImageError
from idsharp.tasks.prepare import Request, prepare_task
from idsharp.tasks.sampling import SamplingError


class Memory(Dataset):
    """A dataset of arrays; an id in `broken` cannot be read."""

    def __init__(self, pixels: dict[str, np.ndarray], broken=()):
        super().__init__("memory", {}, Path("data"))
        self.pixels, self.broken = pixels, set(broken)

    def locate(self):
        return []

    def index(self):
        raise AssertionError("not used")

    def read(self, where):
        if where in self.broken:
            raise UnreadableImageError(f"{where}: cannot be read")
        return self.pixels[where]


def make(n=60, patients=None, splits=None, broken=(), seed=0):
    rng = np.random.default_rng(seed)
    pixels = {f"i{i}": rng.integers(0, 256, (32, 32), dtype=np.uint8) for i in range(n)}
    rows = [
        (
            name, name, "ab"[i % 2], "" if patients is None else f"p{patients[i]}",
            "" if splits is None else splits[i],
        )
        for i, name in enumerate(pixels)
    ]  # fmt: skip
    return Memory(pixels, broken), pd.DataFrame(rows, columns=INDEX_COLUMNS)


def request(**changes):
    settings = {
        "task": "t", "classes": None, "label": "label", "split": "patient", "image_size": 32,
        "channels": 1, "pool_size": 50, "n_test": 10, "unreadable_limit": 0.1,
    }  # fmt: skip
    return Request(**settings | changes)


def prepared(dataset, index, **changes):
    return prepare_task(dataset, index, request(**changes))


def test_arrays_and_tables_agree():
    dataset, index = make()
    result = prepared(dataset, index)
    samples = result.samples
    assert result.images.shape == (50, 1, 32, 32)
    assert result.images.dtype == np.uint8
    assert samples["label"].value_counts().to_dict() == {0: 25, 1: 25}
    truth = index.set_index("id")["label"]
    assert (truth[samples["id"]].to_numpy() == samples["class"]).all()
    for row, image in zip(samples.itertuples(), result.images, strict=True):
        pixels = dataset.pixels[row.id]
        assert abs(image[0].astype(int) - np.rint(pixels * (255 / pixels.max()))).max() <= 1
    # Training images first and in order, then the test set, then the rest.
    assert samples["split"].drop_duplicates().tolist()[:2] == ["train", "test"]
    for _, part in samples.groupby("split"):
        assert part["order"].tolist() == list(range(len(part)))
    for n in (10, 20):
        assert samples["label"][:n].sum() == n // 2


def test_another_task_of_the_same_study_changes_nothing():
    dataset, index = make()
    first, again = prepared(dataset, index), prepared(dataset, index)
    assert first.images.tobytes() == again.images.tobytes()
    assert first.samples.equals(again.samples)
    assert not prepared(dataset, index, task="u").samples.equals(first.samples)


def test_no_patient_stands_on_both_sides():
    dataset, index = make(patients=np.arange(60) // 5)
    result = prepared(dataset, index)
    sides = result.samples.groupby("split")["patient"].agg(set)
    assert not sides["train"] & sides["test"]
    assert result.audit["patient_disjoint"] is True
    assert result.audit["n_patients"] == 12
    mixed = prepared(dataset, index, split="image")
    sides = mixed.samples.groupby("split")["patient"].agg(set)
    assert sides["train"] & sides["test"]
    assert mixed.audit["patient_disjoint"] is False


def test_official_test_images():
    splits = np.where(np.arange(60) < 16, "test", "train")
    dataset, index = make(splits=splits)
    samples = prepared(dataset, index, split="official").samples
    official = index.set_index("id")["split"]
    for name in ("train", "test"):
        chosen = samples["id"][samples["split"] == name]
        assert set(official[chosen]) == {name}
    with pytest.raises(SamplingError, match="no test images of its own"):
        prepared(*make(), split="official")


def test_identical_images_never_stand_on_both_sides():
    for seed in range(5):
        dataset, index = make(seed=seed)
        for i in range(0, 40, 4):
            dataset.pixels[f"i{i + 2}"] = dataset.pixels[f"i{i}"]
        result = prepared(dataset, index, pool_size=60)
        assert result.audit["n_duplicates"] == 10
        samples = result.samples
        twins = samples[samples["duplicate_of"] != ""]
        assert len(twins) == 10
        split = samples.set_index("id")["split"]
        for row in twins.itertuples():
            assert {split[row.duplicate_of], row.split} != {"train", "test"}


def test_label_conflicts_are_listed():
    dataset, index = make()
    dataset.pixels["i1"] = dataset.pixels["i0"]
    audit = prepared(dataset, index, pool_size=60).audit
    assert audit["n_label_conflicts"] == 2
    assert audit["label_conflict_ids"] == ["i0", "i1"]


def test_a_smaller_pool_is_said_and_recorded():
    dataset, index = make()
    said = io.StringIO()
    result = prepare_task(dataset, index, request(pool_size=7500), Reporter(said))
    assert result.audit["n_pool"] == 60
    assert result.audit["n_pool_requested"] == 7500
    assert "7500 images were asked for, 60 make a balanced set" in said.getvalue()


def test_unreadable_files_are_replaced_and_listed():
    dataset, index = make(broken=["i4", "i7"])
    result = prepared(dataset, index, pool_size=56)
    assert result.audit["n_pool"] == 56
    assert not {"i4", "i7"} & set(result.samples["id"])
    listed = {entry["id"] for entry in result.audit["unreadable"]}
    assert listed <= {"i4", "i7"}
    assert result.audit["n_unreadable"] == len(listed) > 0


def test_too_many_unreadable_files_stop_with_their_names():
    broken = [f"i{i}" for i in range(20)]
    with pytest.raises(SamplingError, match=r"could not be read where 50 are wanted, more than"):
        prepared(*make(n=80, broken=broken), unreadable_limit=0.01)
    with pytest.raises(SamplingError, match="readable images of class 0 remain"):
        prepared(*make(n=50, broken=broken), unreadable_limit=1)


def test_classes_of_another_column_are_named_after_it():
    dataset, index = make()
    index["edema"] = np.where(np.arange(60) % 4 < 2, "1", "blank")
    result = prepared(dataset, index, label="edema", classes=[["blank"], ["1"]])
    assert set(result.samples["class"]) == {"edema blank", "edema 1"}
    truth = index.set_index("id")["edema"]
    assert ("edema " + truth[result.samples["id"]].to_numpy() == result.samples["class"]).all()
    assert result.audit["classes"] == "blank | 1"


def test_images_of_one_class_are_measured_but_no_network_is_trained_on_them():
    dataset, index = make()
    index["label"] = "a"
    with pytest.raises(SamplingError, match=r"of one class \('a'\).*under `measured`"):
        prepared(dataset, index)
    assert len(prepared(dataset, index, n_test=0, pool_size=50).images) == 50
