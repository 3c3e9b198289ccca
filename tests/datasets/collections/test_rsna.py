"""RSNA's head CT, on miniatures in the original layout."""

import pytest

from idsharp.datasets import DatasetError
from tests.datasets.collections.tables import (
    check_index,
    check_prepared,
    dataset_at,
    one_unreadable,
    prepare,
)
from tests.datasets.miniatures import rsna

ANY = [["0"], ["1"]]


@pytest.mark.parametrize("home", [".", "rsna-intracranial-hemorrhage-detection"])
def test_rsna_from_table_to_arrays(tmp_path, capsys, home):
    (tmp_path / home).mkdir(exist_ok=True)
    truth = rsna.write(tmp_path / home)
    dataset = dataset_at("rsna", tmp_path)
    index = dataset.index()
    check_index(index, truth)
    assert "2 images left out because their rows contradict each other" in capsys.readouterr().err
    assert index["label"].value_counts().to_dict() == {"0": 60, "1": 60}
    assert index["subarachnoid"].value_counts().to_dict() == {"0": 100, "1": 20}
    assert (index["epidural"] == "0").all()
    check_prepared(prepare(dataset, index, ANY), truth, 40)


def test_rsna_subarachnoid_is_another_column(tmp_path):
    truth = rsna.write(tmp_path)
    dataset = dataset_at("rsna", tmp_path)
    index = dataset.index()
    prepared = prepare(dataset, index, ANY, label="subarachnoid")
    column = index.set_index("id")["subarachnoid"]
    assert (
        column[prepared.samples["id"]].to_numpy() == prepared.samples["label"].astype(str)
    ).all()
    check_prepared(prepared, truth, 40)


def test_rsna_candidates(tmp_path):
    rsna.write(tmp_path)
    every = dataset_at("rsna", tmp_path).index().set_index("id")
    few = dataset_at("rsna", tmp_path, candidates=7).index().set_index("id")
    assert 14 <= len(few) < 40
    for kind, expected in (("any", [7, 7]), ("subarachnoid", [7, 7]), ("epidural", [7, 0])):
        counts = [int((few[kind] == value).sum()) for value in "01"]
        assert counts == expected
        drawn = few[kind][few[kind] != ""]
        assert drawn.equals(every[kind][drawn.index])
    by_name = sorted(every.index[every["any"] == "1"])[:7]
    assert sorted(few.index[few["any"] == "1"]) != by_name
    # The draw is the same again, and a larger one holds it.
    assert few.equals(dataset_at("rsna", tmp_path, candidates=7).index().set_index("id"))
    more = dataset_at("rsna", tmp_path, candidates=9).index().set_index("id")
    assert set(few.index) <= set(more.index)
    # Without a file that was not drawn, it is the same, too.
    spare = (set(every.index) - set(few.index)).pop()
    (tmp_path / "stage_2_train" / f"{spare}.dcm").unlink()
    assert few.equals(dataset_at("rsna", tmp_path, candidates=7).index().set_index("id"))


def test_rsna_candidates_are_an_even_sample_of_their_class(tmp_path):
    """Of images without subarachnoid bleeding, 40 % bleed otherwise; so do their candidates."""
    rsna.write(tmp_path, patients=60)
    few = dataset_at("rsna", tmp_path, candidates=60).index()
    drawn = few[few["subarachnoid"] == "0"]
    bleeding = (few["subdural"] == "1").sum()
    assert len(drawn) == 60
    every = dataset_at("rsna", tmp_path).index().set_index("id")
    assert 14 <= (every.loc[drawn["id"], "any"] == "1").sum() <= 34
    assert bleeding == 60, "more bleed than were drawn for the other column"


def test_rsna_unreadable_and_absent_files(tmp_path, capsys):
    truth = rsna.write(tmp_path)
    dataset = dataset_at("rsna", tmp_path)
    index = dataset.index()
    row = index[index["label"] == "1"].iloc[3]
    broken = (row["id"], tmp_path / row["where"])
    check_prepared(one_unreadable(dataset, truth, index, ANY, broken), truth, 118)
    # A header that can be read serves although the pixels do not; one that cannot does no harm.
    assert dataset.index().equals(index)
    broken[1].write_bytes(b"no DICOM")
    assert dataset.index().set_index("id").loc[row["id"], "patient"] == ""
    broken[1].unlink()
    capsys.readouterr()
    assert row["id"] not in set(dataset.index()["id"])
    assert "1 of 120 images left out: stage_2_train.csv lists them" in capsys.readouterr().err


def test_rsna_rows_that_it_does_not_have(tmp_path):
    rsna.write(tmp_path, patients=1)
    table = tmp_path / "stage_2_train.csv"
    good = table.read_text()
    lines = len(good.splitlines())
    for row in ("ID_000000001_frontal,0", "ID_000000001_any,0.5", "../../x,1"):
        table.write_text(good + row + "\n")
        with pytest.raises(DatasetError, match=rf"line {lines + 1}: ID .*; expected an ID such as"):
            dataset_at("rsna", tmp_path).index()


def test_rsna_real_head_ct(real_data, tmp_path):
    """A real slice of the head, in JPEG 2000, with two windows."""
    folder = tmp_path / "stage_2_train"
    folder.mkdir()
    lines = ["ID,Label"]
    for name in ("J2K_pixelrep_mismatch", "CT_small"):
        source = real_data / "original_formats" / "dicom_pydicom" / f"{name}.dcm"
        (folder / f"ID_{name}.dcm").write_bytes(source.read_bytes())
        lines += [f"ID_{name}_{kind},0" for kind in rsna.KINDS]
    (tmp_path / "stage_2_train.csv").write_text("\n".join(lines))
    dataset = dataset_at("rsna", tmp_path)
    index = dataset.index()
    assert (index["patient"] != "").all()
    for where in index["where"]:
        pixels = dataset.read(where)
        assert -1024 <= pixels.min() < -800
        assert 100 < pixels.max() < 4000
