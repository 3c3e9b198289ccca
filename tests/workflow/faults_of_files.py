"""Files that cannot be written, or that do not hold what was written there."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from tests.conftest import ROOT
from tests.report.synthetic import Records, described
from tests.workflow.bench import Bench, files_up_to
from tests.workflow.fault import cut, edit, fault, mounted

FULL = "FILE cannot be written (…); make room on its disk, and run the same command again"
NOTHING_HALF = "nothing half-written is left, and what was there before stays"


@fault("a full disk, or a quota", FULL, NOTHING_HALF)
def full(bench):
    said = bench.train()
    (bench["new.json"]).unlink()
    before = bench["new.pt"].read_bytes()
    with files_up_to(len(before) // 2):
        said = bench.train()
    assert bench.made() == ["new.csv", "new.pt"]
    assert bench["new.pt"].read_bytes() == before
    return said


@fault("a full disk while a training saves its state", "its state could not be saved: " + FULL,
       "the training goes on")  # fmt: skip
def full_for_the_state(bench):
    with mounted(bench["disk"], "size=1m") as disk:
        bench["new.state"].symlink_to(disk / "new.state")
        target = {"checkpoint": disk / "new.pt"}
        said = bench.train("--state-seconds", 0, *(f"--{k}={v}" for k, v in target.items()))
        assert list(disk.iterdir()) == []
    assert "epoch 1/1" in said
    return said


@fault("results that may only be read",
       "FILE cannot be written (…); allow writing there, and run the same command again",
       "nothing is changed")  # fmt: skip
def read_only(bench):
    with mounted(bench["disk"], "ro") as disk:
        return bench.train(f"--checkpoint={disk / 'new.pt'}")


DAMAGED = "FILE is damaged (…); delete it, and the next run makes it again"


@fault("images.npy cut off", DAMAGED, "jobs of this task stop, other tasks go on")
def images_cut(bench):
    cut(bench["images.npy"])
    return bench.train()


@fault("samples.csv cut off", DAMAGED, "jobs of this task stop, other tasks go on")
def samples_cut(bench):
    cut(bench["samples.csv"], 0.99)
    return bench.train()


@fault("samples.csv without rows that images.npy has",
       "FILE holds … images and … rows; delete both to prepare the task again",
       "jobs of this task stop, other tasks go on")  # fmt: skip
def rows_lost(bench):
    lines = bench["samples.csv"].read_text().splitlines(keepends=True)
    bench["samples.csv"].write_text("".join(lines[:-3]))
    return bench.train()


@fault("a damaged checkpoint",
       "FILE does not hold the weights of this network (…); delete it to train the network again",
       "attacks on this network and task stop, others go on")  # fmt: skip
def checkpoint_cut(bench):
    cut(bench["run.pt"])
    return bench.attack()


@fault("a damaged state of a training", "FILE cannot be read (…): training starts over",
       "the training ends as if it had not been interrupted")  # fmt: skip
def state_cut(bench):
    bench["new.state"].write_bytes(b"PK\3\4 no state")
    said = bench.train()
    record = json.loads(bench["new.json"].read_text())
    assert (record["status"], record["n_interruptions"]) == ("ok", 0)
    assert not bench["new.state"].exists()
    return said


@fault("a record that lacks a key", DAMAGED, "what reads the record stops, the rest goes on")
def key_lost(bench):
    edit(bench["run.json"], outputs=None)
    said = bench.attack()
    assert "it lacks 'outputs'" in said
    return said


@fault("a record cut off", DAMAGED, "what reads the record stops, the rest goes on")
def record_cut(bench):
    cut(bench["run.json"])
    return bench.attack()


def tables(bench: Bench, spoil: Callable[[Path], None]) -> str:
    """Make the tables of a study of made-up records, one of whose files is spoiled."""
    tasks = {name: described(name, "radiology") for name in ("first", "second")}
    layout = Records(bench["study"], tasks).write()
    spoil(layout.attacks(next(iter(tasks)), "resnet18"))
    captions = sorted((ROOT / "rules" / "captions").glob("*.table.rst"))
    said = bench.script(
        "tables", bench["study"], "--tasks", json.dumps(tasks), "--models", "resnet18",
        "--n-train", 100, 200, "--seeds", 0, "--id-estimator", "id_mle_k1",
        "--representation-estimator", "id_twonn_10pct", "--captions", *captions,
        "--published", ROOT / "resources" / "published.csv",
    )  # fmt: skip
    assert not (bench["study"] / "tables").exists()
    return said


@fault("a table of a network cut off", DAMAGED, "no table is written that would lack its rows")
def table_cut(bench):
    return tables(bench, lambda file: cut(file, 0.9))


@fault("a table of a network that lacks rows", DAMAGED, "no table is written that would lack them")
def table_without_rows(bench):
    return tables(bench, lambda file: pd.read_csv(file).iloc[:-1].to_csv(file, index=False))
