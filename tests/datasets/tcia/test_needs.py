"""What is needed of a collection, what is missing, and the original tables."""

import shutil
from collections import Counter

import pytest

from idsharp.datasets import DatasetError, open_dataset
from idsharp.datasets.base import receipt
from idsharp.datasets.errors import MissingDataError
from idsharp.tasks.images import standardize
from idsharp.tasks.prepare import prepare_task
from tests.datasets.miniatures import duke
from tests.datasets.tcia.collections import (
    DUKE_FILES,
    expected_labels,
    open_duke,
    open_prostate,
    request,
)

pytest.importorskip("pydicom")


def test_duke_takes_as_many_patients_as_the_pool_needs(tmp_path):
    (tmp_path / "Annotation_Boxes.csv").write_bytes(duke.boxes_csv())
    depth = {patient: end - start for patient, (start, end) in duke.BOXES.items()}
    sizes = []
    for pool_size in (2, 10, 20, 30, 60, 10_000):
        chosen = open_duke(tmp_path, pool_size=pool_size).patients()
        need = 1.2 * pool_size / 2
        assert sum(depth[p] for p in chosen) >= min(need, sum(depth.values()))
        assert sum(depth[p] for p in chosen[:-1]) < need
        sizes.append(len(chosen))
        # A larger pool adds patients and exchanges none.
        everyone = open_duke(tmp_path, pool_size=10_000).patients()
        assert chosen == everyone[: len(chosen)]
    assert sizes[0] < sizes[-1] == len(duke.BOXES) and sizes == sorted(sizes)
    # The order depends on the collection, not on what a config calls it.
    again = open_dataset("other", {"adapter": "duke_breast", "path": str(tmp_path)})
    assert again.patients() == everyone != sorted(everyone)


def test_what_is_missing_is_said_without_opening_much(duke_copy, tmp_path, monkeypatch):
    empty = open_duke(tmp_path / "nothing")
    assert [line.split(" (")[0] for line in empty.missing()] == [
        "there is no table Annotation_Boxes",
        f"there is no table {DUKE_FILES}",
    ]
    home = duke_copy()
    shutil.rmtree(next(home.rglob("Breast_MRI_003")))
    monkeypatch.setattr("idsharp.datasets.tcia.header_of", lambda *_: pytest.fail("opened"))
    assert open_duke(home).missing() == [f"1 of 6 patients are not in {home}"]
    assert not (home / "pre_slices.csv").exists()
    assert open_duke(home, patients="present").missing() == []


def test_missing_data_are_explained(tmp_path):
    data = open_duke(tmp_path, patients="present")
    with pytest.raises(MissingDataError, match=r"no table Annotation_Boxes(.|\n)*<study>/<series>"):
        data.locate()
    (tmp_path / "Annotation_Boxes.csv").write_bytes(duke.boxes_csv())
    with pytest.raises(MissingDataError, match="has no folder for any patient"):
        data.locate()
    (tmp_path / duke.COLLECTION / "Breast_MRI_001").mkdir(parents=True)
    with pytest.raises(MissingDataError, match="none of the series needed"):
        open_duke(tmp_path, patients="present").locate()


def test_a_read_only_copy_is_enough(duke_copy, tmp_path):
    home = duke_copy()
    # With permissions taken away, root could still write: nothing may have been written.
    before = sorted(home.rglob("*"))
    folders = [home, *(f for f in before if f.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        files = open_duke(home).locate()
        index = open_duke(home).index()
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert len(index) and len(files) == 2 + len(duke.BOXES) * duke.DEPTH
    assert receipt(open_duke(home), files)["n_files"] == len(files)
    assert set(home.rglob("*")) - set(before) <= {home / "pre_slices.csv"}


def test_paths_of_an_index_stay_inside(duke_copy, tmp_path):
    (tmp_path / "secret.dcm").write_bytes(b"")
    with pytest.raises(DatasetError, match="leads out of"):
        open_duke(duke_copy()).read("../secret.dcm#0")


def test_duke_end_to_end(duke_copy):
    data = open_duke(duke_copy())
    index = data.index()
    # The same when read in another process from a CSV, where all cells are strings.
    prepared = prepare_task(data, index, request("dbc", [["empty"], ["tumor"]], pool=20))
    assert prepared.audit["patient_disjoint"]
    samples = prepared.samples
    by_split = samples.groupby("split")["patient"].agg(set)
    assert not by_split["train"] & by_split["test"]
    assert Counter(samples["label"]) == {0: 10, 1: 10}
    for row, image in zip(samples.itertuples(), prepared.images, strict=True):
        patient, number = row.id.split("/")
        instance = duke.table_number(patient, int(number))
        expected = standardize(duke.pixels(patient, "pre", instance), 32, 1)
        assert (image == expected).all()
        assert row.label == int(expected_labels(patient)[int(number)] == "tumor")


def test_real_boxes(real_data):
    data = open_duke(real_data / "original_formats" / "duke_breast", pool_size=7500)
    boxes = data._boxes
    assert len(boxes) == 922 and boxes.index[0] == "Breast_MRI_001"
    assert tuple(boxes.loc["Breast_MRI_001"]) == (89, 112)
    depth = boxes["end"] - boxes["start"] + 1
    assert (depth.min(), depth.max()) == (2, 131)
    chosen = data.patients()
    positive = (boxes["end"] - boxes["start"]).loc[chosen]
    assert positive.sum() >= 4500 > positive[:-1].sum()
    assert 150 < len(chosen) < 250
    assert len(open_duke(data.path, pool_size=10**6).patients()) == 922


def test_real_targets(real_data):
    pytest.importorskip("openpyxl")
    folder = real_data / "original_formats" / "prostate_us_mri"
    data = open_prostate(folder, targets="each")
    table = data.read_sheet(data.sheets()[0])
    assert len(table) == 1621 and table["Patient ID"].nunique() == 840
    scores = {"0": 17, "1": 114, "2": 39, "3": 655, "4": 498, "5": 298}
    assert table["UCLA Score"].value_counts().to_dict() == scores
    highest = open_prostate(folder)._targets
    assert len(highest) == table["seriesInstanceUID_US"].nunique() == 1262
    assert highest["score"].value_counts().to_dict() == {
        "0": 3, "1": 72, "2": 12, "3": 477, "4": 412, "5": 286,
    }  # fmt: skip
    assert len(open_prostate(folder, modality="mr")._targets) == 1015
    # Each series once by its highest score; with targets: each, once for every score it has.
    assert len(data._targets) > len(highest) and set(data._targets["uid"]) == set(highest["uid"])
    chosen = open_prostate(folder, pool_size=7500).wanted()
    mine = highest[highest["uid"].isin(chosen)]["score"]
    assert mine.isin(["0", "1"]).sum() == 75 and (~mine.isin(["0", "1"])).sum() == 75
