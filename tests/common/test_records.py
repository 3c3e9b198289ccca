"""Whole files or none, and no NaN."""

import numpy as np
import pytest

from idsharp.common.records import (
    atomic_path,
    read_json,
    write_array,
    write_json,
    write_rows,
    write_text,
)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "deep" / "file.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_files_are_as_readable_as_any_other(tmp_path):
    write_text(tmp_path / "ours.txt", "")
    (tmp_path / "other.txt").write_text("")
    modes = {(tmp_path / name).stat().st_mode for name in ("ours.txt", "other.txt")}
    assert len(modes) == 1


def test_records(tmp_path):
    record = {"a": np.float64(0.5), "b": np.int64(3), "c": None, "d": "µ", "e": np.bool_(True)}
    write_json(tmp_path / "r.json", record)
    assert read_json(tmp_path / "r.json") == {"a": 0.5, "b": 3, "c": None, "d": "µ", "e": True}
    for bad in (float("nan"), float("inf"), np.float64("nan")):
        with pytest.raises(ValueError, match="not JSON compliant"):
            write_json(tmp_path / "bad.json", {"x": bad})
    assert not (tmp_path / "bad.json").exists()


def test_rows_with_gaps(tmp_path):
    write_rows(tmp_path / "t.csv", [{"a": 1}, {"a": None, "b": "x"}])
    assert (tmp_path / "t.csv").read_text() == "a,b\n1,\n,x\n"
    write_rows(tmp_path / "empty.csv", [], ["a", "b"])
    assert (tmp_path / "empty.csv").read_text() == "a,b\n"


def test_arrays_hold_no_pickles(tmp_path):
    with pytest.raises(ValueError, match="Object arrays"):
        write_array(tmp_path / "a.npy", np.array([{}], dtype=object))
    assert not (tmp_path / "a.npy").exists()
