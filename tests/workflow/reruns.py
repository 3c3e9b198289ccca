"""Changes, and what they rerun: the cases of a test and the table of docs/reruns.md.

`python -m tests.workflow.reruns` writes the page.
"""

import os
import re
import shutil
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from tests.conftest import ROOT
from tests.workflow.tiny import SIZES, TASKS, Study, write_study

PAGE = ROOT / "docs" / "reruns.md"

REPORT = {"tables": 1, "figures": 1, "summary": 1}
AFTER_TRAINING = {"attack": 2, "representation": 2} | REPORT
MEASURED = {"properties": 2, "pool_properties": 2}
ONE_TASK = {"prepare": 1, "properties": 1, "train": 2, "attack": 1, "representation": 1} | REPORT


@dataclass(frozen=True)
class Case:
    """A change of a study that was run, and the jobs that another run then has.

    Attributes:
        before: settings of the study that was run, where they are not those of the tiny study.
        change: gets the study and edits files of it or of its project, or its settings.
    """

    what: str
    jobs: dict[str, int]
    change: Callable[[Study], object]
    before: dict | None = None


def settings(**changes):
    return lambda study: write_study(study.folder, **changes)


def code(file, text="EDITED = True\n", date=None):
    """More code at the end of a module."""

    def change(study):
        path = study.project / file
        path.write_text(path.read_text() + text)
        if date is not None:
            os.utime(path, (date, date))

    return change


def new_dates(study):
    for part in ("idsharp", "scripts", "rules", "resources"):
        for file in (study.project / part).rglob("*.*"):
            os.utime(file)


def result(name, text=None):
    """Delete a result, or edit it."""

    def change(study):
        path = study.folder / "results" / "tiny" / name
        if text is None:
            path.unlink()
        else:
            path.write_text(path.read_text() + text)

    return change


def image(study):
    """Other pixels in the same file, of the same size."""
    path = study.folder / "images" / "left" / "left_000.png"
    size = path.stat().st_size
    Image.fromarray(np.full((32, 32), 7, np.uint8)).save(path)
    path.write_bytes(path.read_bytes().ljust(size, b"\0"))


def one_more_image(study):
    folder = study.folder / "images" / "left"
    shutil.copy(folder / "left_000.png", folder / "new.png")


#: A study from which a network or a seed can be taken.
MORE = {
    "tasks": TASKS[:1], "n_train": SIZES[:1], "measured": [], "attacks": ["fgsm"],
    "models": ["resnet18", "squeezenet1_1"], "seeds": [0, 1],
}  # fmt: skip

# Of the folder images/ there are two datasets: one with a task to train on, one to be measured.
OF_IMAGES = {
    "locate": 2, "index": 2, "prepare": 2, "properties": 1, "pool_properties": 1, "train": 2,
    "attack": 1, "representation": 1,
} | REPORT  # fmt: skip
# One of them has the images of one class alone.
OF_ONE_CLASS = {"locate": 1, "index": 1, **ONE_TASK}

CASES = [
    Case("nothing", {}, lambda study: None),
    Case("dates of the code alone, as after a fresh checkout", {}, new_dates),
    Case("a comment or a docstring", {}, code("idsharp/training/loop.py", "\n# A comment.\n")),
    Case("the script that draws figures", {"figures": 1, "summary": 1},
         code("scripts/figures.py")),
    Case("the same, by a version with an older date", {"figures": 1, "summary": 1},
         code("scripts/figures.py", date=10**9)),
    Case("the style of figures", {"figures": 1, "summary": 1},
         code("idsharp/report/figures/style.py")),
    Case("a module of the attacks", {"attack": 2} | REPORT, code("idsharp/attacks/gradient.py")),
    Case("a module that estimates dimension", MEASURED | {"representation": 2} | REPORT,
         code("idsharp/properties/dimension.py")),
    Case("a module that trains", {"train": 4} | AFTER_TRAINING, code("idsharp/training/loop.py")),
    Case("an adapter of datasets: those that it reads", OF_IMAGES,
         code("idsharp/datasets/files/folder.py")),
    Case("a caption", {"tables": 1, "figures": 1, "summary": 1},
         code("rules/captions/runs.table.rst", "More.\n")),
    Case("another ε", {"attack": 2} | REPORT, settings(epsilons=[2, 4])),
    Case("one ε less", {"attack": 2} | REPORT, settings(epsilons=[2])),
    Case("one more training size", MEASURED | {"pool_properties": 0, "train": 2} | AFTER_TRAINING,
         settings(n_train=[*SIZES, 50])),
    Case("one training size less",
         {"properties": 2, "attack": 2, "representation": 2} | REPORT, settings(n_train=SIZES[:1])),
    Case("one more network", {"train": 4, "attack": 2, "representation": 2} | REPORT,
         settings(models=["resnet18", "squeezenet1_1"])),
    Case("one more seed", {"train": 4} | AFTER_TRAINING, settings(seeds=[0, 1])),
    Case("one network less (of a study with one task)", REPORT,
         settings(**MORE | {"models": ["resnet18"]}), MORE),
    Case("one seed less (of one task and two networks)",
         {"attack": 2, "representation": 2} | REPORT,
         settings(**MORE | {"seeds": [0]}), MORE),
    Case("one more task", ONE_TASK, settings(tasks=[*TASKS, "again"])),
    Case("one task less", REPORT, settings(tasks=TASKS[:1])),
    Case("k", MEASURED | {"representation": 2} | REPORT, settings(k=6)),
    Case("n_test", {"prepare": 2, "properties": 2, "train": 4} | AFTER_TRAINING,
         settings(n_test=22)),
    Case("epochs", {"train": 4} | AFTER_TRAINING, settings(epochs=2)),
    Case("the estimator that regressions use", REPORT, settings(id_estimator="id_twonn_10pct")),
    Case("title or note", {"summary": 1}, settings(title="Another", note="A {word}.")),
    Case("threads, jobs_per_gpu, reading_processes", {},
         settings(threads=2, jobs_per_gpu=4, reading_processes=2)),
    Case("an image replaced under its name: its datasets", OF_ONE_CLASS, image),
    Case("one more image", OF_ONE_CLASS, one_more_image),
    Case("a result deleted", {"attack": 1} | REPORT, result("attacks/halves/resnet18.csv")),
    Case("a figure deleted", {"figures": 1, "summary": 1}, result("figures/samples.png")),
    Case("a table edited by hand: what is made of it", {"figures": 1, "summary": 1},
         result("tables/runs.csv", "\n")),
    Case("versions of libraries, in the lock files", {},
         code("envs/requirements.lock", "# other versions\n")),
]  # fmt: skip


@contextmanager
def restored(study):
    """Leave the study and its project as they were found, dates included."""
    before = {path: (path.stat(), _small(path)) for path in _watched(study)}
    try:
        yield
    finally:
        for path in _watched(study):
            if path not in before:
                path.unlink()
        for path, (stat, content) in before.items():
            if not path.exists() or path.stat().st_mtime_ns != stat.st_mtime_ns:
                if content is not None:
                    path.write_bytes(content)
                os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def _watched(study):
    skipped = {".snakemake", "__pycache__"}
    files = (path for folder in (study.project, study.folder) for path in folder.rglob("*"))
    return [path for path in files if path.is_file() and not skipped & set(path.parts)]


def _small(path):
    return path.read_bytes() if path.stat().st_size < 10**6 else None


def table():
    lines = ["| what was changed | what runs again |", "|---|---|"]
    for case in CASES:
        counts = {rule: count for rule, count in case.jobs.items() if count}
        jobs = [f"{rule} × {n}" if n > 1 else rule for rule, n in counts.items()]
        lines.append(f"| {case.what} | {', '.join(jobs) or 'nothing'} |")
    return "\n".join(lines)


def page():
    """docs/reruns.md with the table as it is now."""
    written = PAGE.read_text(encoding="utf-8")
    return re.sub(r"(?m)^\| what .*\n(\|.*\n)+", lambda _: table() + "\n", written)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE.relative_to(Path.cwd()))
