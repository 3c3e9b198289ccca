"""Duke-Breast-Cancer-MRI: labels, numbers and names, on miniatures."""

import os
import shutil

import pandas as pd
import pytest

from idsharp.datasets import DatasetError
from idsharp.datasets.collections.duke import before_contrast, is_before_contrast, label_of
from idsharp.datasets.download.nbia import Series
from tests.datasets.miniatures import duke
from tests.datasets.tcia.collections import (
    DUKE_FILES,
    expected_labels,
    open_duke,
)

pytest.importorskip("pydicom")


@pytest.mark.parametrize("names", ["classic", "descriptive"])
def test_duke_index_of_a_complete_copy(duke_copy, duke_series, names, capsys):
    data = open_duke(duke_copy(names))
    index = data.index()
    assert list(index.columns) == ["id", "where", "label", "patient", "split", "slice"]
    assert set(index["patient"]) == set(duke.BOXES)
    assert index["id"].is_unique and index.map(lambda cell: isinstance(cell, str)).all(axis=None)
    for patient, mine in index.groupby("patient"):
        labels = dict(zip(mine["slice"].astype(int), mine["label"], strict=True))
        assert labels == expected_labels(patient)
    # The table's number counts, not the file's: in one patient they run against each other.
    for row in index.sample(25, random_state=0).itertuples():
        instance = duke.table_number(row.patient, int(row.slice))
        assert (data.read(row.where) == duke.pixels(row.patient, "pre", instance)).all()
    said = capsys.readouterr().err
    assert f"in 1 of 6 patients, such as {duke.REVERSED}, InstanceNumber orders the slices" in said


def test_duke_interrupted_copies_are_said(duke_copy, capsys):
    home = duke_copy()
    for file in home.rglob("Breast_MRI_005/*/*/1-2?.dcm"):
        file.unlink()
    open_duke(home).index()
    said = capsys.readouterr().err
    assert "note: dbc: 10 of the 180 slices in the table are missing" in said


def test_duke_ids_and_rows_do_not_depend_on_names(duke_copy, tmp_path):
    classic = open_duke(duke_copy("classic")).index()
    shutil.rmtree(tmp_path / "copy")
    descriptive = open_duke(duke_copy("descriptive")).index()
    assert classic.drop(columns="where").equals(descriptive.drop(columns="where"))


def test_duke_names_of_the_table_are_not_those_of_the_files(duke_copy, duke_series):
    home = duke_copy()
    table = pd.read_csv(next(home.rglob(f"{DUKE_FILES}.csv")), dtype=str)
    named = table["classic_path"].str.replace("//", "/")
    there = [(home / "manifest-1654812109500" / name).is_file() for name in named]
    # 1-007.dcm is called 1-07.dcm on disk.
    assert not any(there)
    assert len(open_duke(home).index()) == sum(len(expected_labels(p)) for p in duke.BOXES)


@pytest.mark.parametrize("names", ["classic", "descriptive"])
def test_duke_without_the_table_of_file_paths(duke_copy, names):
    data = open_duke(duke_copy(names, tables=("boxes",)), patients="present")
    assert not data.downloads and data.missing() == []
    index = data.index()
    last = index[index["patient"] == duke.REVERSED]
    # InstanceNumber counts: what it calls 4 to 8.
    tumors = last[last["label"] == "tumor"]
    for row in tumors.itertuples():
        assert (data.read(row.where) == duke.pixels(duke.REVERSED, "pre", int(row.slice))).all()
    assert tumors["slice"].astype(int).tolist() == [4, 5, 6, 7, 8]
    # The sequence before the contrast, under all its names, and none of the others.
    for row in index.sample(25, random_state=1).itertuples():
        assert (data.read(row.where) == duke.pixels(row.patient, "pre", int(row.slice))).all()


def test_duke_instance_numbers_by_choice(duke_copy):
    home = duke_copy()
    by_table = open_duke(home).index()
    by_header = open_duke(home, slices="instance").index()
    same = by_table["patient"] != duke.REVERSED
    assert by_table[same].equals(by_header[same])
    assert not by_table.equals(by_header)


@pytest.mark.parametrize(
    ("number", "label"),
    [
        (5, "empty"),
        (6, ""),
        (9, ""),
        (10, "tumor"),
        (14, "tumor"),
        (15, ""),
        (19, ""),
        (20, "empty"),
    ],
)
def test_duke_label_of_a_slice(number, label):
    assert label_of(number, 10, 15) == label


def test_duke_series_before_the_contrast():
    # The descriptions of the collection: https://github.com/LangDaniel/MAEMI lists most of them.
    before = [
        "Ax Vibrant MultiPhase", "ax 3d dyn", "ax 3d dyn MP", "ax 3d dyn pre", "ax 3d pre",
        "ax dyn", "ax dyn pre", "ax dynamic", "t1_fl3d_tra_dynVIEWS_spair_ pre",
    ]  # fmt: skip
    others = [
        "AX IDEAL Breast", "ax 3d t1 bilateral", "ax t1", "ax t1 +c", "ax t1 pre", "ax t1 tse +c",
        "Ax 3D T1 NON FS", "1st ax dyn", "Ph1/Ax Vibrant MultiPhase", "Ph1/ax 3d dyn MP",
        "Ph4ax dynamic", "ax 3d dyn 1st pass", "ax dyn 1st pas", "ax dyn 4th pass",
        "t1_fl3d_tra_dynVIEWS_spair 1st pass", "t1_fl3d_tra_dynVIEWS_spair_2nd pass",
    ]  # fmt: skip
    assert all(is_before_contrast(name) for name in before)
    assert not any(is_before_contrast(name) for name in others)


def test_duke_of_several_first_phases_the_first_counts(tmp_path):
    # In Breast_MRI_120 later phases are called "pre" as well.
    series = [
        Series(str(number), "1", "Breast_MRI_120", "ax dyn pre", number, 1, 1)
        for number in (8.0, 6.0, 11.0)
    ]
    data = open_duke(tmp_path, slices="instance")
    assert data.match(series) == {"Breast_MRI_120": series[1]}


def test_duke_rows_of_the_table_of_file_paths():
    header, *rows = duke.mapping_rows()
    slices = before_contrast(pd.DataFrame(rows, columns=header))
    assert len(slices) == len(duke.BOXES) * duke.DEPTH
    # Other sequences are left out even if "pre" stands in their names elsewhere.
    rows[0][1] = "DICOM_Images/Breast_MRI_001/post_1_pre/Breast_MRI_001_post_1_pre_001.dcm"
    assert len(before_contrast(pd.DataFrame(rows, columns=header))) == len(slices)


def test_duke_excerpt_is_kept_and_renewed(duke_copy):
    home = duke_copy()
    first = open_duke(home).index()
    excerpt, table = home / "pre_slices.csv", next(home.rglob(f"{DUKE_FILES}.csv"))
    assert len(pd.read_csv(excerpt)) == len(duke.BOXES) * duke.DEPTH
    content = table.read_text()
    table.write_text("no longer read")
    os.utime(table, (0, 0))
    assert open_duke(home).index().equals(first)
    table.write_text(content.replace(f"{duke.COLLECTION}/Breast_MRI_001", "elsewhere"))
    os.utime(table, (2e9, 2e9))
    assert open_duke(home).index().equals(first)
    assert excerpt.stat().st_mtime < 2e9
    table.write_text("sop_instance_UID,classic_path\n1,2\n")
    os.utime(table, (2e9, 2e9))
    with pytest.raises(DatasetError, match=r"no column 'original_path_and_filename'"):
        open_duke(home).index()


def test_duke_odd_files_are_said(duke_copy, duke_series, capsys):
    home = duke_copy()
    for patient, change in (("Breast_MRI_001", "damage"), ("Breast_MRI_002", "copy")):
        folder = next(
            f for f in home.rglob("1-01.dcm") if duke_series[patient, "pre"].uid in str(f)
        )
        if change == "damage":
            folder.write_bytes(b"")
        else:
            shutil.copy(folder, folder.with_name("1-01 (copy).dcm"))
    index = open_duke(home).index()
    said = capsys.readouterr().err
    assert "1 files are left out, such as manifest-" in said and "1-01.dcm#0" in said
    assert "Breast_MRI_002 is left out" in said and "are the same slice" in said
    assert set(index["patient"]) == set(duke.BOXES) - {"Breast_MRI_002"}
    assert not ((index["patient"] == "Breast_MRI_001") & (index["slice"] == "1")).any()


@pytest.mark.parametrize(
    "boxes",
    ["Breast_MRI_001,5,2", "Breast_MRI_001,5,x", "Breast_MRI_001,1,2\nBreast_MRI_001,3,4"],
)
def test_duke_boxes_must_be_boxes(tmp_path, boxes):
    (tmp_path / "Annotation_Boxes.csv").write_text(f"Patient ID,Start Slice,End Slice\n{boxes}\n")
    with pytest.raises(DatasetError, match="no single valid box for Breast_MRI_001"):
        open_duke(tmp_path).patients()
