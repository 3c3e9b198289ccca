"""Data that cannot be used, memory that runs out, and runs that go wrong."""

import json
import shutil
import time

from PIL import Image

from tests.conftest import blobs, write_image_folder
from tests.workflow.fault import (
    FAULTS_OF_STUDIES,
    NOT_PREPARED,
    UNTRAINED,
    Then,
    cut,
    fault,
    run_again,
)
from tests.workflow.test_kills import start


def new_images(place):
    """The remedy where images were lacking or wrong: those of a study that never had a fault."""
    shutil.rmtree(place["raw"])
    write_image_folder(place["raw"], 45, seed=0)


def left_images(place):
    return sorted((place["raw"] / "left").iterdir())


@fault("an image that cannot be read", "1 unreadable",
       "another takes its place; audit.json names it and the reason")  # fmt: skip
def image_cut(bench):
    cut(bench["raw"] / "left" / "00.png")
    Image.fromarray(blobs(1, 0, seed=9)[0]).save(bench["raw"] / "left" / "one_more.png")
    said = bench.prepare()
    audit = json.loads(bench["prepared.json"].read_text())
    assert (audit["n_pool"], audit["n_unreadable"]) == (40, 1)
    assert audit["unreadable"][0]["id"] == "left/00.png"
    return said


@fault("more unreadable images than `unreadable_limit`",
       "… images could not be read where … are wanted, more than unreadable_limit = … allows. "
       "First: …", NOT_PREPARED, new_images)  # fmt: skip
def many_images_cut(place):
    for file in left_images(place)[::2]:
        cut(file)
    return place.prepare()


@fault("images of one class, where networks are to be trained",
       "all … images are of one class (…), and networks learn to tell classes apart; name this "
       "task under `measured`, or list its classes", NOT_PREPARED, new_images)  # fmt: skip
def one_class(place):
    shutil.rmtree(place["raw"] / "right")
    return place.prepare()


@fault("too few images for the test set",
       "class …: the test set needs … images of it, the pool has …; lower n_test or add images",
       NOT_PREPARED, new_images)  # fmt: skip
def few_to_test(place):
    for file in left_images(place)[5:]:
        file.unlink()
    return place.prepare()


@fault("too few images for a size of `n_train`",
       "a training set of … images was asked for; FILE has … training images, … in all",
       "the size is a gap in tables and figures; its record and log say this, Snakemake does not. "
       "Smaller sizes go on", lambda place: place.configure())  # fmt: skip
def few_to_train(place):
    place.train(n_train=72)
    (record,) = map(json.loads, [f.read_text() for f in place["new"].glob("n72*.json")])
    assert record["status"] == "too few images"
    return record["reason"]


#: Of address space, beyond what imports have taken.
LITTLE_MEMORY = """
import resource
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**26, resource.RLIM_INFINITY))
"""


@fault("memory that runs out",
       "memory ran out (…); give the job more (mem_mb in a cluster's profile, fewer --cores on one "
       "machine), or lower image_size or pool_size of the study",
       Then("this job stops, others go on", NOT_PREPARED.stops), new_images)  # fmt: skip
def memory(place):
    large, *more = left_images(place)[:10]
    Image.new("L", (9000, 9000)).save(large)
    for file in more:
        shutil.copy(large, file)
    return place.prepare(inside=LITTLE_MEMORY)


#: As torch raises it; there need be no GPU.
NO_GPU_MEMORY = """
import torch
raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB. GPU 0 has …\\n…")
"""


@fault("memory of the GPU that runs out",
       "the memory of the GPU ran out (…); lower jobs_per_gpu of the study or batch_size of the "
       "model, or use a GPU with more",
       Then("this job stops, others go on", UNTRAINED), run_again)  # fmt: skip
def gpu_memory(place):
    said = place.train(inside=NO_GPU_MEMORY)
    assert place.made() == []
    return said


@fault("a file of settings that Snakemake calls no valid YAML",
       "FILE, line …, column …: not valid YAML: …",
       "nothing is started; `python scripts/data_status.py --configfile FILE` says this",
)  # fmt: skip
def broken_settings(bench):
    bench["mine.yaml"].write_text("studies:\n  mine: {tasks: [a, b}\n")
    return bench.script("data_status", "--configfile", bench["mine.yaml"])


@fault("a job that fails, whatever the cause", "Error in rule …",
       Then("jobs that do not depend on it go on; the next run does the rest, with the same "
            "results", UNTRAINED), run_again, FAULTS_OF_STUDIES)  # fmt: skip
def a_job_fails(pipeline):
    return pipeline.train(inside="raise KeyError('a defect')")


@fault("a second run in the same folder", "Directory cannot be locked. …",
       "the first run goes on", run_again, FAULTS_OF_STUDIES)  # fmt: skip
def two_runs(pipeline):
    pipeline.clear("attack")
    first = start(pipeline.study, pipeline.study.folder / "first.log")
    while not list((pipeline.study.folder / ".snakemake" / "locks").glob("*")):
        assert first.poll() is None
        time.sleep(0.05)
    said = pipeline.run()
    assert pipeline.code != 0
    pipeline.code = first.wait(timeout=600)
    return said
