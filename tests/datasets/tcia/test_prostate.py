"""Prostate-MRI-US-Biopsy, on miniatures."""

import shutil
from collections import Counter

import pytest

from idsharp.datasets import DatasetError
from idsharp.tasks.images import standardize
from idsharp.tasks.prepare import prepare_task
from tests.datasets.miniatures import prostate
from tests.datasets.tcia.collections import open_prostate, request

pytest.importorskip("pydicom")


def test_prostate_ultrasound(prostate_copy):
    data = open_prostate(prostate_copy)
    index = data.index()
    scores = {(n, s): str(max(scores)) for n, s, scores in prostate.SESSIONS}
    sessions = {prostate.us_uid(n, s): (n, s) for n, s, _ in prostate.SESSIONS}
    frames = range(prostate.FRAMES // 4, 3 * prostate.FRAMES // 4)
    assert len(index) == len(prostate.SESSIONS) * len(frames) and index["id"].is_unique
    for row in index.itertuples():
        patient, uid, frame = row.id.split("/")
        number, session = sessions[uid]
        assert (row.patient, row.label) == (patient, scores[number, session])
        assert patient == prostate.patient_id(number) and int(frame) in frames
        assert (data.read(row.where) == prostate.us_pixels(number, session, int(frame))).all()
        # Frames of one file are read one after the other.
        assert data.group(row.where) == row.where.rpartition("#")[0]
    assert index.groupby(index["where"].map(data.group)).size().eq(len(frames)).all()


def test_prostate_mr(prostate_copy):
    data = open_prostate(prostate_copy, modality="mr")
    index = data.index()
    highest = {}
    for number, _, scores in prostate.SESSIONS:
        highest[number] = max(highest.get(number, 0), *scores)
    assert len(index) == len(highest) * prostate.SLICES // 2
    for row in index.itertuples():
        number, place = row.patient[-4:], int(row.id.rpartition("/")[2])
        assert row.label == str(highest[number])
        # In the order of InstanceNumber, which begins with 1; the central half, no scout.
        assert prostate.SLICES // 4 <= place < 3 * prostate.SLICES // 4
        assert (data.read(row.where) == prostate.mr_pixels(number, place + 1)).all()


def test_prostate_scores_of_every_target(prostate_copy):
    index = open_prostate(prostate_copy, targets="each").index()
    several = index[index["patient"] == prostate.patient_id("0005")]
    assert Counter(several["label"]) == dict.fromkeys("245", 6)
    assert index["id"].is_unique and several["where"].nunique() == 6


def test_prostate_takes_series_until_each_class_has_enough(prostate_copy):
    def chosen(**settings):
        data = open_prostate(prostate_copy, **settings)
        scores = data._targets.set_index("uid")["score"]
        return [scores[uid] for uid in data.wanted()]

    # 60 frames a series are counted on: 100 images with their margin are one series a class.
    few = chosen(pool_size=100)
    assert len(few) == 2 and sum(score in "01" for score in few) == 1
    more = chosen(pool_size=200)
    assert sum(score in "01" for score in more) == 2 == len(more) - 2
    assert len(chosen(pool_size=7500)) == len(prostate.SESSIONS)
    severe = chosen(pool_size=200, classes=[["2"], ["3", "4", "5"]])
    assert sorted(score == "2" for score in severe) == [False, False, True, True]
    assert not set(severe) & {"0", "1"}


def test_prostate_patients_that_are_there(prostate_copy):
    tree = prostate_copy / prostate.COLLECTION
    shutil.rmtree(tree / prostate.patient_id("0002"))
    (tree / "Prostate-MRI-US-Biopsy-9999").mkdir()
    index = open_prostate(prostate_copy, patients="present").index()
    assert index["patient"].nunique() == len({n for n, *_ in prostate.SESSIONS}) - 1
    missing = open_prostate(prostate_copy).missing()
    assert missing == [f"1 of 9 patients are not in {prostate_copy}"]


def test_prostate_a_series_has_one_patient(prostate_copy):
    file = next(prostate_copy.glob("*.csv"))
    rows = prostate.sheet_rows()
    rows.append([3, "", 9, rows[1][3], rows[1][4], prostate.patient_id("0009")])
    file.write_text("\n".join(",".join(map(str, row)) for row in rows))
    with pytest.raises(DatasetError, match="to several patients"):
        open_prostate(prostate_copy).wanted()


def test_prostate_unreadable_headers_are_said(prostate_copy, capsys):
    uid = prostate.mr_uid("0001")
    next(prostate_copy.rglob(f"{uid}/1-12.dcm")).write_bytes(b"")
    index = open_prostate(prostate_copy, modality="mr").index()
    assert "1 files are left out, such as" in capsys.readouterr().err
    # 11 slices are left: their central half begins at 2 and ends before 8.
    assert (index["patient"] == prostate.patient_id("0001")).sum() == 6


def test_prostate_end_to_end(prostate_copy):
    data = open_prostate(prostate_copy)
    classes = [["0", "1"], ["2", "3", "4", "5"]]
    prepared = prepare_task(data, data.index(), request("prostate", classes, pool=40))
    assert prepared.audit["n_label_conflicts"] == 0 and prepared.audit["patient_disjoint"]
    by_split = prepared.samples.groupby("split")["patient"].agg(set)
    assert not by_split["train"] & by_split["test"]
    sessions = {prostate.us_uid(n, s): (n, s) for n, s, _ in prostate.SESSIONS}
    for row, image in zip(prepared.samples.itertuples(), prepared.images, strict=True):
        _, uid, frame = row.id.split("/")
        pixels = prostate.us_pixels(*sessions[uid], int(frame))
        assert (image == standardize(pixels, 32, 1)).all()
