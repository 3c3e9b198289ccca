"""Files that cannot be written, or that do not hold what was written there."""

import json

import pandas as pd

from tests.workflow.bench import files_up_to
from tests.workflow.fault import (
    TASK_STOPS,
    UNREAD,
    Then,
    cut,
    damage,
    delete,
    edit,
    fault,
    mounted,
    run_again,
)
from tests.workflow.pipeline import NETWORK
from tests.workflow.tiny import TASKS

FULL = "FILE cannot be written (…); make room on its disk, and run the same command again"
#: The other network is there already, and everything else is small.
UNTRAINED_ON_ANY_TASK = tuple(
    f"{stage}/{task}/{NETWORK}"
    for stage in ("models", "attacks", "representations")
    for task in TASKS
)
#: What was to be made when nothing could be.
EVERY_JOB = ("properties/", "attacks/", "representations/", *UNTRAINED_ON_ANY_TASK)


@fault("a full disk, or a quota", FULL,
       Then("nothing half-written is left; jobs for which there is room go on",
            UNTRAINED_ON_ANY_TASK), run_again)  # fmt: skip
def full(place):
    with files_up_to(500_000):
        said = place.train()
    assert place.made() == []
    return said


@fault("a full disk while a training saves its state", "its state could not be saved: " + FULL,
       "the training goes on")  # fmt: skip
def full_for_the_state(bench):
    with mounted(bench["new"], "size=1m"):
        said = bench.train("--state-seconds", 0)
        assert bench.made() == []
    assert "epoch 1/1" in said
    return said


@fault("results that may only be read",
       "FILE cannot be written (…); allow writing there, and run the same command again",
       Then("nothing is started, and nothing is changed", EVERY_JOB), run_again)  # fmt: skip
def read_only(place):
    place.clear("train")
    with mounted(place["results"], "ro"):
        return place.train()


DAMAGED = "FILE is damaged (…); delete it, and the next run makes it again"


@fault("images.npy cut off", DAMAGED, TASK_STOPS, delete("images.npy"))
def images_cut(place):
    cut(place["images.npy"])
    return place.train()


@fault("samples.csv cut off", DAMAGED, TASK_STOPS, delete("samples.csv"))
def samples_cut(place):
    cut(place["samples.csv"], 0.99)
    return place.train()


@fault("samples.csv without rows that images.npy has",
       "FILE holds … images and … rows; delete both to prepare the task again",
       TASK_STOPS, delete("images.npy", "samples.csv"))  # fmt: skip
def rows_lost(place):
    lines = place["samples.csv"].read_bytes().splitlines(keepends=True)
    damage(place["samples.csv"], b"".join(lines[:-3]))
    return place.train()


@fault("a damaged checkpoint",
       "FILE does not hold the weights of this network (…); delete it to train the network again",
       UNREAD, delete("run.pt"))  # fmt: skip
def checkpoint_cut(place):
    cut(place["run.pt"])
    return place.attack()


@fault("a damaged state of a training", "FILE cannot be read (…): training starts over",
       "the training ends as if it had not been interrupted")  # fmt: skip
def state_cut(bench):
    bench["new"].mkdir()
    bench["new/n20.state"].write_bytes(b"PK\3\4 no state")
    said = bench.train()
    record = json.loads(bench["new/n20.json"].read_text())
    assert (record["status"], record["n_interruptions"]) == ("ok", 0)
    assert not bench["new/n20.state"].exists()
    return said


@fault("a record of a training that lacks a key", DAMAGED, UNREAD, delete("run.json"))
def key_lost(place):
    edit(place["run.json"], outputs=None)
    said = place.attack()
    assert "it lacks 'outputs'" in said
    return said


@fault("a record of a training cut off", DAMAGED, UNREAD, delete("run.json"))
def record_cut(place):
    cut(place["run.json"])
    return place.attack()


@fault("a table of a network cut off", DAMAGED,
       Then("no table is written that would lack its rows", ("tables/",)),
       delete("attacks.csv"))  # fmt: skip
def table_cut(place):
    cut(place["attacks.csv"], 0.9)
    return place.tables()


@fault("a table of a network that lacks rows", DAMAGED,
       Then("no table is written that would lack them", ("tables/",)),
       delete("attacks.csv"))  # fmt: skip
def table_without_rows(place):
    file = place["attacks.csv"]
    pd.read_csv(file).iloc[:-1].to_csv(file, index=False)
    return place.tables()
