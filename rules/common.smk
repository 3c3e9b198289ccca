# config.yaml, the settings of the chosen study, and functions shared by rules; no rules.
import json
import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# Not workflow.basedir: this may be a module of another workflow.
ROOT = Path(workflow.current_basedir).parent
sys.path[:0] = [str(ROOT), str(ROOT / "rules")]
import helpers
from idsharp.report import contents
from idsharp.study.availability import advice, look_over_study, remarks, without_missing
from idsharp.study.check import check_config
from idsharp.study.config import (
    ConfigError,
    adapter_settings,
    channels_of,
    collection_of,
    hyperparameters,
    merged,
    number_of_classes,
    result_settings,
    stands_in_for,
    study_settings,
)
from idsharp.study.files import check_files, read_settings
from idsharp.study.lock import hold, release_if_dead
from idsharp.study.tracking import adapter_module, decoding_processes, own_files
from idsharp.study.writable import unwritable

try:
    # Before Snakemake reads them, which silently takes the last of two settings with the same name.
    check_files(ROOT / "config.yaml", workflow.overwrite_configfiles)
except ConfigError as error:
    raise WorkflowError(str(error))


configfile: str(ROOT / "config.yaml")


try:
    # As a module of another workflow this may have been given settings, and then not config.yaml.
    config = check_config(merged(read_settings(ROOT / "config.yaml"), config))
    STUDY = config["study"]
    SETTINGS = study_settings(config)
    FOUND = look_over_study(config, SETTINGS)
    if config["missing_data"] == "skip":
        SETTINGS = without_missing(config, SETTINGS, FOUND)
except ConfigError as error:
    raise WorkflowError(f"config: {error}")
TASKS, MEASURED = SETTINGS["tasks"], SETTINGS["measured"]
SUBSETS = ["pool", *(f"n{n}" for n in SETTINGS["n_train"])]
BLOCKS = SETTINGS["representation_layers"] == "blocks"
TABLES = {entry.name: entry for entry in contents.shown(contents.TABLES, BLOCKS)}
FIGURES = {entry.name: entry for entry in contents.shown(contents.FIGURES, BLOCKS)}

# Relative, so that moving the project does not change a parameter and rerun everything.
SCRIPTS = Path(os.path.relpath(ROOT / "scripts"))

# For --sdm apptainer: profiles/README.md says how it is built.
CONTAINER = str(ROOT / "envs" / "idsharp.sif")

helpers.use_this_python(ROOT)


wildcard_constraints:
    study=STUDY,
    dataset="[A-Za-z][A-Za-z0-9_-]*",
    task="[A-Za-z][A-Za-z0-9_-]*",
    model="[a-z0-9_]+",
    n_train=r"\d+",
    seed=r"\d+",


def code_for(script):
    """A hash of a rule's script and of the project modules that it imports."""
    return helpers.code_for(ROOT, script)


def code_for_dataset(script, dataset):
    """`code_for`, including the adapter that reads the dataset."""
    return helpers.code_for(ROOT, script, adapter_module(config, dataset))


def dataset_of(task):
    return config["tasks"][task]["dataset"]


def dataset_settings(dataset):
    """How a dataset is found and read, as JSON."""
    return json.dumps(adapter_settings(config, SETTINGS, dataset))


def split_of(task):
    """How a task's test images are split off; a task that is only measured has none."""
    return "image" if task in MEASURED else config["tasks"][task].get("split", "patient")


def outputs_of(task):
    """Number of a network's outputs: as in the papers' released code, or one per class."""
    if SETTINGS["head"] != "classes":
        return SETTINGS["head"]
    return number_of_classes(config["tasks"][task]) or 2


def runs_of(wildcards):
    """Records of the trained networks of one task and model, for every N and seed."""
    return expand(
        "results/{study}/models/{task}/{model}/n{n_train}_s{seed}.json",
        n_train=SETTINGS["n_train"],
        seed=SETTINGS["seeds"],
        **wildcards,
    )


def checkpoints_of(wildcards):
    return [run.removesuffix("json") + "pt" for run in runs_of(wildcards)]


def captions_of(entries):
    """The caption files of figures or tables, as inputs."""
    names = map(contents.caption_file, entries.values())
    return [own(f"rules/captions/{name}") for name in names]


def own(file):
    """A file of this project as an input; where results are in a storage, it is not."""
    return local(os.path.relpath(ROOT / file))


def folder_of_study(wildcards, output):
    """Where a job finds the results of its study: a local copy, where they are in a storage."""
    return str(output[0]).rpartition(f"results/{STUDY}/")[0] + f"results/{STUDY}"


def described_tasks():
    """The facts about each task that appear in the tables, as JSON."""
    described = {}
    for task in (*TASKS, *MEASURED):
        dataset = config["datasets"][dataset_of(task)]
        described[task] = {"dataset": dataset_of(task), "domain": dataset["domain"]}
        described[task]["collection"] = collection_of(config, dataset_of(task))
        described[task]["note"] = dataset.get("note", "")
        described[task]["instead_of"] = stands_in_for(config, task, TASKS, MEASURED)
    return json.dumps(described)
