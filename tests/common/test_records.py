"""Whole files or none, no NaN, and names to seeds."""

import subprocess

import numpy as np
import pytest

from idsharp.common import records
from idsharp.common.records import (
    atomic_path,
    provenance,
    read_json,
    write_array,
    write_json,
    write_rows,
    write_text,
)
from idsharp.common.seeds import generator, seed_for


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


def test_provenance_names_versions():
    found = provenance("numpy", "no-such-package")
    assert found["numpy_version"] == np.__version__
    assert found["no-such-package_version"] is None
    assert found["python_version"].startswith("3.")


def test_the_commit_is_of_the_repository_that_tracks_the_code(tmp_path, monkeypatch):
    code = tmp_path / "records.py"
    code.write_text("")
    monkeypatch.setattr(records, "__file__", str(code))
    unknown = {"git_commit": None, "git_dirty": None}

    def found():
        return {key: provenance()[key] for key in unknown}

    assert found() == unknown, "outside a repository"
    git = ["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "other"], check=True)
    assert found() == unknown, "somebody else's repository"
    subprocess.run([*git, "add", "records.py"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "ours"], check=True)
    assert len(found()["git_commit"]) == 40
    assert found()["git_dirty"] is False
    code.write_text("changed")
    assert found()["git_dirty"] is True


def test_seeds_come_from_names_and_their_order():
    assert seed_for("a", 1) == seed_for("a", "1")
    assert (
        len({seed_for("ab", "c"), seed_for("a", "bc"), seed_for("c", "ab"), seed_for("abc")}) == 4
    )
    assert 0 <= seed_for("x") < 2**63
    # Fixed, since results on disk depend on it.
    assert seed_for("pool", "mnist_3v8") == 1206130336691971332
    assert generator("a").integers(1 << 40) == generator("a").integers(1 << 40)
