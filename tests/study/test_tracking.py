"""Which files of a dataset Snakemake looks at."""

from idsharp.study import tracking
from idsharp.study.tracking import adapter_module, decoding_processes, own_files, tracked_paths

CONFIG = {
    "data_dir": "data",
    "datasets": {
        "mine": {"adapter": "folder", "path": "", "domain": "natural"},
        "arrays": {"adapter": "npz", "path": "a.npz", "domain": "natural"},
        "mnist": {"adapter": "torchvision", "source": "MNIST", "domain": "natural"},
    },
    "tasks": {"mine": {"dataset": "mine"}, "arrays": {"dataset": "arrays"}},
}
STUDY = {"reading_processes": 3}


def test_few_files_are_tracked_one_by_one_and_of_many_their_folders(tmp_path, monkeypatch):
    for name in ("a/x.png", "a/b/y.png", "z.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    named = [str(tmp_path / name) for name in ("a/b/y.png", "a/x.png", "z.png")]
    assert tracked_paths([str(tmp_path)]) == named
    assert tracked_paths([named[2], str(tmp_path / "absent")]) == named[2:]
    monkeypatch.setattr(tracking, "_MOST_FILES", 2)
    assert tracked_paths([str(tmp_path)]) == [
        str(tmp_path), str(tmp_path / "a"), str(tmp_path / "a" / "b")
    ]  # fmt: skip


def test_own_files_are_tracked_and_downloads_are_not(tmp_path):
    file = tmp_path / "a" / "x.png"
    file.parent.mkdir()
    file.write_bytes(b"")
    mine = CONFIG["datasets"]["mine"] | {"path": str(tmp_path)}
    config = CONFIG | {"datasets": CONFIG["datasets"] | {"mine": mine}}
    assert own_files(config, STUDY, "mine") == [str(file)]
    assert own_files(config, STUDY, "mnist") == []


def test_adapters_say_where_they_are_and_how_they_read():
    assert adapter_module(CONFIG, "mine") == "idsharp.datasets.files.folder"
    assert decoding_processes(CONFIG, STUDY, "mine") == 3
    assert decoding_processes(CONFIG, STUDY, "arrays") == 1
