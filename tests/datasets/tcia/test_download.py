"""Downloads of the series that are needed, from a server on this machine."""

import os
import shutil
from collections import Counter

import pandas as pd
import pytest

from idsharp.common.progress import SILENT
from idsharp.datasets import DatasetError, open_dataset
from idsharp.datasets.download.fetch import gigabytes
from idsharp.datasets.download.nbia import Archive, Series, download, list_series
from tests.datasets.miniatures import duke, prostate, tcia
from tests.datasets.tcia.collections import (
    DUKE_FILES,
    expected_labels,
    open_duke,
    open_prostate,
)

pytest.importorskip("pydicom")


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
        (404, "answered 404", 1),
        (503, "answered 503", 4),
        ("wrong md5", r"0000000\d\.dcm does not match its MD5 sum, after 4 attempts", 4),
        ("few", "the zip holds 29 of 30 images, after 4 attempts", 4),
        ("no list", "lacks md5hashes.csv", 4),
        ("short list", "the zip is damaged .*, after 4 attempts", 4),
        ("compression", "cannot be unpacked .*compression", 1),
        ("hostile ../../escaped.dcm", r"'\.\./\.\./escaped\.dcm', which is not a plain file", 1),
        ("hostile /tmp/escaped.dcm", "which is not a plain file", 1),
        ("hostile sub/escaped.dcm", "which is not a plain file", 1),
        ("hostile a\\..\\escaped.dcm", "which is not a plain file", 1),
        ("hostile .hidden", "which is not a plain file", 1),
        ("link", "'link.dcm', which is not a plain file", 1),
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
    assert "lacks 1 of the 6 series needed: " in capsys.readouterr().err
    assert set(data.index()["patient"]) == set(duke.BOXES) - {"Breast_MRI_003"}


def test_without_room_nothing_is_fetched(duke_server, duke_home, monkeypatch):
    usage = shutil.disk_usage(duke_home)
    monkeypatch.setattr("idsharp.datasets.tcia.shutil.disk_usage", lambda _: usage._replace(free=9))
    with pytest.raises(DatasetError, match=r"only 0 kB free .* lower pool_size"):
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
        with pytest.raises(DatasetError, match=r"404(.|\n)*save it as (.|\n)*slices: instance"):
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
        (b"<html>", "did not return a list of series"),
        (b'[{"SeriesInstanceUID": "1.2"}]', "did not return a list of series"),
        (
            b'[{"SeriesInstanceUID": "../x", "StudyInstanceUID": "1", "PatientID": "p"}]',
            "'../x' is no",
        ),
        (b'[{"SeriesInstanceUID": "1", "StudyInstanceUID": "1", "PatientID": ".."}]', "'..' is no"),
        (b'{"error": "no"}', "did not return a list of series"),
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
    with pytest.raises(DatasetError, match=r"could not get the list of series from .*404"):
        list_series(Archive("x", duke_server.web, plain=True))


def test_download_leaves_alone_what_is_there(duke_server, duke_series, tmp_path):
    offered = list_series(Archive(duke.COLLECTION, duke_server.nbia))[:2]
    there = tmp_path / offered[0].patient / offered[0].study / offered[0].uid
    there.mkdir(parents=True)
    download(Archive(duke.COLLECTION, duke_server.nbia), offered, tmp_path, SILENT)
    assert not list(there.iterdir())
    assert duke_server.asked == ["getSeries", offered[1].uid]
