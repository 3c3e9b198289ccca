# Settings of the chosen study, wildcard constraints and helper functions; no rules.
import ast
import json
import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

ROOT = Path(workflow.basedir)
sys.path.insert(0, str(ROOT))
from idsharp.config import ConfigError, check_config, study_settings

try:
    check_config(config)
except ConfigError as error:
    raise WorkflowError(f"config: {error}")

STUDY = config["study"]
SETTINGS = study_settings(config)
TASKS = SETTINGS["tasks"]
SUBSETS = ["pool", *(f"n{n}" for n in SETTINGS["n_train"])]
TABLES = [
    "datasets",
    "properties",
    "runs",
    "attacks",
    "accuracy_vs_id",
    "generalization_law",
    "loss_penalty_vs_sharpness",
    "representation_vs_data",
]
FIGURES = [
    "samples",
    "id_by_domain",
    "sharpness_by_domain",
    "accuracy_vs_id",
    "log_loss_vs_id",
    "loss_penalty_vs_sharpness",
    "representation_vs_data",
]

# Scripts find the library in this folder, and the Python that runs Snakemake, whether or not its
# environment was activated. A conda environment, where one is used, goes before it.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


wildcard_constraints:
    study=STUDY,
    dataset="[A-Za-z][A-Za-z0-9_-]*",
    task="[A-Za-z][A-Za-z0-9_-]*",
    model="[a-z0-9_]+",
    n_train=r"\d+",
    seed=r"\d+",


def code_for(script):
    """The script and the project modules that it imports, directly or not, script first.

    A file named only inside `shell` is not tracked. As inputs these are compared by content: an
    edit reruns what depends on it, a fresh checkout reruns nothing.
    """
    found = []
    queue = [ROOT / "scripts" / f"{script}.py"]
    while queue:
        file = queue.pop()
        if file not in found:
            found.append(file)
            queue += imported_modules(file)
    head, *rest = (os.path.relpath(file) for file in found)
    return [head, *sorted(rest)]


def imported_modules(file):
    """Files of the project's modules that a Python file imports anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    for name in [name for name in names if name.split(".")[0] == "idsharp"]:
        parts = name.split(".")
        # Importing a.b.c runs a/__init__.py and a/b/__init__.py too.
        for depth in range(1, len(parts) + 1):
            path = ROOT.joinpath(*parts[:depth])
            for candidate in (path.with_suffix(".py"), path / "__init__.py"):
                if candidate.is_file():
                    yield candidate


def dataset_of(task):
    return config["tasks"][task]["dataset"]


def dataset_settings(dataset):
    """The settings that say how a dataset is found and read, as JSON."""
    settings = config["datasets"][dataset]
    return json.dumps({key: settings[key] for key in settings if key not in ("domain", "note")})


def dataset_paths(wildcards):
    """A dataset's own files that are there: a file, or a folder and its folders of two levels.

    Adding or removing a file changes its folder's time, and so reruns what comes from it. What is
    missing is no input: `locate` then says what to do.
    """
    path = config["datasets"][wildcards.dataset].get("path")
    if path is None:
        return []
    path = Path(os.path.expanduser(os.path.expandvars(path)))
    if not path.is_dir():
        return [str(path)] if path.exists() else []
    folders = [path, *path.glob("*/"), *path.glob("*/*/")]
    return sorted(str(folder) for folder in folders if not folder.name.startswith("."))


def outputs_of(task):
    """Size of the head: as the papers' released code has it, or one output a class."""
    if SETTINGS["head"] != "classes":
        return SETTINGS["head"]
    return len(config["tasks"][task].get("classes", [[], []]))


def runs_of(wildcards):
    """The trained networks of one task and model, every N and seed."""
    return expand(
        "results/{study}/models/{task}/{model}/n{n_train}_s{seed}.json",
        n_train=SETTINGS["n_train"],
        seed=SETTINGS["seeds"],
        **wildcards,
    )


def checkpoints_of(wildcards):
    return [run.removesuffix("json") + "pt" for run in runs_of(wildcards)]


def described_tasks():
    """Dataset, domain and note of each task, as JSON."""
    described = {}
    for task in TASKS:
        dataset = config["datasets"][dataset_of(task)]
        described[task] = {"dataset": dataset_of(task), "domain": dataset["domain"]}
        described[task]["note"] = dataset.get("note", "")
    return json.dumps(described)
