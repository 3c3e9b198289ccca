"""Duke-Breast-Cancer-MRI, Prostate-MRI-US-Biopsy and their download, on miniatures."""

import os
import shutil
from collections import Counter

import pandas as pd
import pytest

from idsharp.common.progress import SILENT
from idsharp.datasets import DatasetError, open_dataset
from idsharp.datasets.base import receipt
from idsharp.datasets.collections.duke import before_contrast, is_before_contrast, label_of
from idsharp.datasets.download.fetch import gigabytes
from idsharp.datasets.download.nbia import Archive, Series, download, list_series
from idsharp.datasets.errors import MissingDataError
from idsharp.tasks.images import standardize
from idsharp.tasks.prepare import Request, prepare_task
from tests.datasets.miniatures import duke, prostate, tcia

pytest.importorskip("pydicom")

DUKE_FILES = "Breast-Cancer-MRI-filepath_filename-mapping"


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch):
    monkeypatch.setattr("idsharp.datasets.download.resume.PAUSES", (0, 0, 0))
    monkeypatch.setattr("idsharp.datasets.download.nbia._PAUSE", 0)


@pytest.fixture(scope="module")
def duke_series():
    return duke.series()


@pytest.fixture
def duke_copy(tmp_path, duke_series):
    """A user's complete copy, as the Data Retriever leaves it; names by the test's parameter."""

    def write(names="classic", tables=("boxes", "files")):
        home = tmp_path / "copy"
        root = home / "manifest-1654812109500" / duke.COLLECTION
        every = list(duke_series.values())
        (tcia.write_classic if names == "classic" else tcia.write_descriptive)(root, every)
        if "boxes" in tables:
            (home / "Annotation_Boxes.csv").write_bytes(duke.boxes_csv())
        if "files" in tables:
            (root.parent / f"{DUKE_FILES}.csv").write_bytes(duke.mapping_csv())
        return home

    return write


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


# --- Duke: labels, numbers, names ---


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
    assert "note: dbc: 10 of the 180 slices in the table are not there" in said


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
    assert "Breast_MRI_002 is left out" in said and "are one slice" in said
    assert set(index["patient"]) == set(duke.BOXES) - {"Breast_MRI_002"}
    assert not ((index["patient"] == "Breast_MRI_001") & (index["slice"] == "1")).any()


@pytest.mark.parametrize(
    "boxes",
    ["Breast_MRI_001,5,2", "Breast_MRI_001,5,x", "Breast_MRI_001,1,2\nBreast_MRI_001,3,4"],
)
def test_duke_boxes_must_be_boxes(tmp_path, boxes):
    (tmp_path / "Annotation_Boxes.csv").write_text(f"Patient ID,Start Slice,End Slice\n{boxes}\n")
    with pytest.raises(DatasetError, match="no single box for Breast_MRI_001"):
        open_duke(tmp_path).patients()


# --- what is needed, and what is missing ---


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
    with pytest.raises(MissingDataError, match="there is no folder of a patient"):
        data.locate()
    (tmp_path / duke.COLLECTION / "Breast_MRI_001").mkdir(parents=True)
    with pytest.raises(MissingDataError, match="no series of the kind that is needed"):
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


# --- Prostate ---


@pytest.fixture
def prostate_copy(tmp_path):
    tcia.write_classic(tmp_path / "copy" / prostate.COLLECTION, prostate.series())
    (tmp_path / "copy" / "Target Data_2019-12-05.csv").write_bytes(prostate.sheet_csv())
    return tmp_path / "copy"


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


# --- download ---


@pytest.fixture
def duke_server(duke_series):
    tables = {f"{DUKE_FILES}.xlsx": b"", "Annotation_Boxes.xlsx": b""}
    with tcia.serve(duke.COLLECTION, list(duke_series.values()), tables) as server:
        yield server


@pytest.fixture
def duke_home(tmp_path):
    """A folder with the tables alone."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "Annotation_Boxes.csv").write_bytes(duke.boxes_csv())
    (home / f"{DUKE_FILES}.csv").write_bytes(duke.mapping_csv())
    return home


def of_duke(server, sequence):
    return {s.uid for s in server.series.values() if s.description.endswith(sequence)}


def test_only_the_series_that_are_needed_are_fetched(duke_server, duke_home, duke_series, capsys):
    data = open_duke(duke_home, pool_size=16, url=duke_server.nbia)
    assert data.downloads and len(data.patients()) < len(duke.BOXES)
    files = data.locate()
    wanted = {duke_series[patient, "pre"].uid for patient in data.patients()}
    assert Counter(duke_server.asked) == Counter(["getSeries", *wanted])
    assert len(files) == 2 + duke.DEPTH * len(wanted)
    said = capsys.readouterr().err
    n = len(wanted)
    assert f"{n} patients, {n} series, " in said
    size = sum(duke_series[p, "pre"].record()["FileSize"] for p in data.patients())
    whole = sum(s.record()["FileSize"] for s in duke_series.values())
    assert f"{gigabytes(size)} to download; the whole collection has {gigabytes(whole)}" in said
    # In the archive's own layout, and nothing else.
    one = duke_series[data.patients()[0], "pre"]
    assert (
        duke_home / duke.COLLECTION / one.patient / one.study / one.uid / "00000001.dcm"
    ).exists()
    assert not [f for f in duke_home.rglob(".*") if not f.name.endswith(".lock")]
    index = data.index()
    assert set(index["patient"]) == set(data.patients())
    for row in index.sample(10, random_state=0).itertuples():
        instance = duke.table_number(row.patient, int(row.slice))
        assert (data.read(row.where) == duke.pixels(row.patient, "pre", instance)).all()
    # Once it is there, nothing is asked any more.
    duke_server.asked.clear()
    assert open_duke(duke_home, pool_size=16, url=duke_server.nbia).locate() == files
    assert not duke_server.asked


def test_a_larger_pool_fetches_the_rest(duke_server, duke_home):
    open_duke(duke_home, pool_size=16, url=duke_server.nbia).locate()
    first = set(duke_server.asked)
    duke_server.asked.clear()
    data = open_duke(duke_home, pool_size=1000, url=duke_server.nbia)
    data.locate()
    assert not (set(duke_server.asked) - {"getSeries"}) & first
    assert set(data.index()["patient"]) == set(duke.BOXES)


def test_download_and_complete_copy_give_one_index(duke_server, duke_home, duke_copy):
    downloaded = open_duke(duke_home, pool_size=16, url=duke_server.nbia)
    downloaded.locate()
    copied = open_duke(duke_copy(), pool_size=16).index()
    assert downloaded.index().drop(columns="where").equals(copied.drop(columns="where"))


@pytest.mark.parametrize(
    "faults",
    [[503, 502], ["drop"], ["cut"], ["wrong md5"], ["no list"], ["few"], ["not zip"],
     [503, "drop", "wrong md5", "cut"]],
)  # fmt: skip
def test_faults_that_pass(duke_server, duke_home, duke_series, faults):
    data = open_duke(duke_home, pool_size=16, url=duke_server.nbia)
    uid = duke_series[data.patients()[0], "pre"].uid
    duke_server.faults[uid] = list(faults)
    data.locate()
    assert duke_server.asked.count(uid) == len(faults) + 1
    assert len(data.index()) == sum(len(expected_labels(p)) for p in data.patients())


@pytest.mark.parametrize(
    ("fault", "message", "asked"),
    [
        (404, "answers 404", 1),
        (503, "answers 503", 4),
        ("wrong md5", r"0000000\d\.dcm does not agree with its MD5 sum, after 4 attempts", 4),
        ("few", "the zip holds 29 of 30 images, after 4 attempts", 4),
        ("no list", "no md5hashes.csv", 4),
        ("hostile ../../escaped.dcm", r"'\.\./\.\./escaped\.dcm', which is no plain file", 1),
        ("hostile /tmp/escaped.dcm", "which is no plain file", 1),
        ("hostile sub/escaped.dcm", "which is no plain file", 1),
        ("hostile a\\..\\escaped.dcm", "which is no plain file", 1),
        ("hostile .hidden", "which is no plain file", 1),
        ("link", "'link.dcm', which is no plain file", 1),
        ("bomb", "would unpack to 2.* bytes", 1),
    ],
)
def test_faults_that_stay(duke_server, duke_home, duke_series, fault, message, asked):
    data = open_duke(duke_home, url=duke_server.nbia)
    uid = duke_series["Breast_MRI_004", "pre"].uid
    duke_server.faults[uid] = [fault] * 9
    with pytest.raises(DatasetError, match=message) as caught:
        data.locate()
    assert uid in str(caught.value)
    assert duke_server.asked.count(uid) == asked
    assert not [f for f in duke_home.parent.rglob("*") if "escaped" in f.name]
    # Nothing half-written is left, what is finished stays, and the next run goes on from there.
    assert not list(duke_home.rglob(f"*{uid}*"))
    assert all(len(list(f.iterdir())) == duke.DEPTH for f in series_folders(duke_home))
    finished = {f.name for f in series_folders(duke_home)}
    duke_server.faults.clear()
    duke_server.asked.clear()
    data.locate()
    assert uid in duke_server.asked and not finished & set(duke_server.asked)


def series_folders(home):
    return [f for f in home.glob(f"{duke.COLLECTION}/*/*/*") if not f.name.startswith(".")]


def test_what_a_killed_download_left_is_removed(duke_server, duke_home, duke_series):
    one = duke_series["Breast_MRI_001", "pre"]
    study = duke_home / duke.COLLECTION / one.patient / one.study
    for name, age in (("old", 0), ("new", None)):
        (study / f".{one.uid}.{name}").mkdir(parents=True)
        if age is not None:
            os.utime(study / f".{one.uid}.{name}", (age, age))
    open_duke(duke_home, url=duke_server.nbia).locate()
    assert sorted(f.name for f in study.iterdir()) == [f".{one.uid}.new", one.uid]


def test_half_a_folder_of_ones_own_is_not_mistaken_for_a_series(
    duke_server, duke_home, duke_series
):
    # An empty folder, as an interrupted copy leaves it, is no series; its place is taken.
    one = duke_series["Breast_MRI_001", "pre"]
    (duke_home / duke.COLLECTION / one.patient / "another study" / "series").mkdir(parents=True)
    data = open_duke(duke_home, url=duke_server.nbia)
    data.locate()
    assert "Breast_MRI_001" in set(data.index()["patient"])


def test_series_that_the_server_does_not_have_are_said(duke_server, duke_home, duke_series, capsys):
    del duke_server.series[duke_series["Breast_MRI_003", "pre"].uid]
    data = open_duke(duke_home, url=duke_server.nbia)
    data.locate()
    assert "has no such series for 1 of 6: " in capsys.readouterr().err
    assert set(data.index()["patient"]) == set(duke.BOXES) - {"Breast_MRI_003"}


def test_without_room_nothing_is_fetched(duke_server, duke_home, monkeypatch):
    usage = shutil.disk_usage(duke_home)
    monkeypatch.setattr("idsharp.datasets.tcia.shutil.disk_usage", lambda _: usage._replace(free=9))
    with pytest.raises(DatasetError, match=r"to come, 0 kB are free .* lower pool_size"):
        open_duke(duke_home, url=duke_server.nbia).locate()
    assert duke_server.asked == ["getSeries"]


def test_series_are_chosen_by_description_where_the_table_is_not_wanted(
    duke_server, duke_home, duke_series
):
    (duke_home / f"{DUKE_FILES}.csv").unlink()
    data = open_duke(duke_home, url=duke_server.nbia, slices="instance")
    data.locate()
    asked = set(duke_server.asked) - {"getSeries"}
    assert asked == {one.uid for (_, sequence), one in duke_series.items() if sequence == "pre"}


def test_a_web_folder_as_mirror(tmp_path, duke_series):
    pytest.importorskip("openpyxl")
    tables = {
        "Annotation_Boxes.xlsx": xlsx(
            [line.split(",") for line in duke.boxes_csv().decode().splitlines()]
        ),
        f"{DUKE_FILES}.xlsx": xlsx(duke.mapping_rows()),
    }
    with tcia.serve(duke.COLLECTION, list(duke_series.values()), tables) as server:
        data = open_duke(None, tmp_path, pool_size=16, mirror=server.web)
        assert data.path == tmp_path / duke.COLLECTION
        data.locate()
        assert {f"{name}.xlsx" for name in ("Annotation_Boxes", DUKE_FILES)} <= set(server.asked)
        one = duke_series[data.patients()[0], "pre"]
        assert (data.path / one.patient / one.study / one.uid).is_dir()
        assert set(data.index()["patient"]) == set(data.patients())
        # A second dataset of the collection shares what is there.
        server.asked.clear()
        other = {"adapter": "duke_breast", "pool_size": 16, "mirror": server.web}
        open_dataset("other", other, tmp_path).locate()
        assert not server.asked


def xlsx(rows):
    import io

    stream = io.BytesIO()
    pd.DataFrame(rows[1:], columns=rows[0]).to_excel(stream, index=False)
    return stream.getvalue()


def test_a_page_instead_of_a_table_is_refused(tmp_path, duke_series, monkeypatch):
    tables = {"Annotation_Boxes.xlsx": b"<html>This page has moved</html>"}
    with tcia.serve(duke.COLLECTION, list(duke_series.values()), tables) as server:
        data = open_duke(None, tmp_path, mirror=server.web)
        with pytest.raises(DatasetError, match=r"Annotation_Boxes\.xlsx"):
            data.locate()
    assert not [f for f in data.path.rglob("*") if not f.name.startswith(".")]


def test_a_table_that_cannot_be_had_is_explained(tmp_path, duke_series):
    (tmp_path / "Annotation_Boxes.csv").write_bytes(duke.boxes_csv())
    with tcia.serve(duke.COLLECTION, list(duke_series.values()), {}) as server:
        data = open_duke(tmp_path, mirror=server.web)
        with pytest.raises(DatasetError, match=r"404(.|\n)*put it at (.|\n)*slices: instance"):
            data.locate()


def test_a_folder_as_mirror_is_used_where_it_is(duke_copy, tmp_path):
    home = duke_copy()
    home.rename(tmp_path / duke.COLLECTION)
    data = open_duke(None, tmp_path / "data", mirror=str(tmp_path))
    assert not data.downloads and data.missing() == []
    assert len(data.locate()) == 2 + len(duke.BOXES) * duke.DEPTH
    assert set(data.index()["patient"]) == set(duke.BOXES)
    assert not (tmp_path / "data").exists()


def test_prostate_download(tmp_path):
    every = prostate.series()
    with tcia.serve(prostate.COLLECTION, every, {}) as server:
        (tmp_path / prostate.COLLECTION).mkdir()
        (tmp_path / prostate.COLLECTION / "Target-Data.csv").write_bytes(prostate.sheet_csv())
        data = open_prostate(None, tmp_path, pool_size=200, url=server.nbia)
        data.locate()
        assert set(server.asked) - {"getSeries"} == set(data.wanted())
        assert len(data.index()) == len(data.wanted()) * 6
        # MR of the same collection lies beside it.
        both = open_prostate(None, tmp_path, pool_size=200, url=server.nbia, modality="mr")
        both.locate()
        slices = both.index()
        assert both.path == data.path and len(slices) == len(both.wanted()) * 6
        # The files' names tell no order: InstanceNumber does.
        for row in slices.itertuples():
            instance = int(row.id.rpartition("/")[2]) + 1
            expected = prostate.mr_pixels(row.patient[-4:], instance)
            assert (both.read(row.where) == expected).all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>", "answers with no list of series"),
        (b'[{"SeriesInstanceUID": "1.2"}]', "answers with no list of series"),
        (
            b'[{"SeriesInstanceUID": "../x", "StudyInstanceUID": "1", "PatientID": "p"}]',
            "'../x' is no",
        ),
        (b'[{"SeriesInstanceUID": "1", "StudyInstanceUID": "1", "PatientID": ".."}]', "'..' is no"),
        (b'{"error": "no"}', "answers with no list of series"),
    ],
)
def test_lists_that_are_none(content, message):
    with (
        tcia.serve("c", [], {"series.json": content}) as server,
        pytest.raises(DatasetError, match=message),
    ):
        list_series(Archive("other", f"{server.web}/other", plain=True))


def test_list_of_series(duke_server, duke_series):
    offered = list_series(Archive(duke.COLLECTION, duke_server.nbia))
    one = next(iter(duke_series.values()))
    assert offered[0] == Series(
        one.uid, one.study, one.patient, "ax t1 pre", 2.0, duke.DEPTH, one.record()["FileSize"]
    )
    # NBIA answers nothing where it finds nothing.
    assert list_series(Archive("unknown", duke_server.nbia)) == []
    with pytest.raises(DatasetError, match=r"does not list its series: .*404"):
        list_series(Archive("x", duke_server.web, plain=True))


def test_download_leaves_alone_what_is_there(duke_server, duke_series, tmp_path):
    offered = list_series(Archive(duke.COLLECTION, duke_server.nbia))[:2]
    there = tmp_path / offered[0].patient / offered[0].study / offered[0].uid
    there.mkdir(parents=True)
    download(Archive(duke.COLLECTION, duke_server.nbia), offered, tmp_path, SILENT)
    assert not list(there.iterdir())
    assert duke_server.asked == ["getSeries", offered[1].uid]


# --- the original tables ---


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
