"""What a small training costs as a Slurm job of its own, and within one job for all trainings.

    python benchmarks/job_cost.py [--epochs 100] [--seeds 2]

Starts a Slurm cluster of one node on this machine (Debian's slurm-wlm and munge), which has as many
cores as the machine, and trains the same networks with `profiles/slurm` and with
`profiles/slurm/allocation.sh`. When a job starts and ends is read from the file of its log: when it
was made, and last written to; how long a training works, from its record. All are wall times, which
other work on the machine makes longer. Writes `job_cost.csv` and `job_cost.md` beside this file.
"""

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from statistics import mean

from machine import machine

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from tests.workflow.tiny import (  # noqa: E402
    Study,
    copy_project,
    fill_in_site,
    run,
    write_images,
    write_study,
)

NODE = HERE.parent / "tests" / "workflow" / "slurm_node.sh"
CORES = len(os.sched_getaffinity(0))
SIZES, SUBMISSIONS = [20, 40], 5


def lifetime(file: Path) -> tuple[float, float]:
    """When a file was made, and last written to (s)."""
    made, written = run(["stat", "--format=%.6W %.6Y", file], file.parent).stdout.split()
    if float(made) <= 0:
        sys.exit(f"the file system of {file} does not record when files are made; set TMPDIR")
    return float(made), float(written)


def submission(folder: Path, environment: dict) -> tuple[float, float]:
    """Seconds (mean) that `sbatch` takes, and from its call until its job starts; node idle."""
    called, started = [], []
    for number in range(SUBMISSIONS):
        stamp = folder / f"stamp{number}"
        before = time.time()
        command = ["sbatch", "--output=/dev/null", f"--wrap=date +%s.%N >{stamp}"]
        run(command, folder, env=environment)
        called.append(time.time() - before)
        while run(["squeue", "--noheader"], folder, env=environment).stdout.strip():
            time.sleep(0.2)
        started.append(float(stamp.read_text()) - before)
    return mean(called), mean(started)


def study_in(folder: Path, project: Path, epochs: int, seeds: int) -> Study:
    """A study whose images are prepared and whose networks are not trained."""
    folder.mkdir()
    write_images(folder)
    settings = {"tasks": ["halves"], "measured": [], "models": ["squeezenet1_1"]}
    settings |= {"n_train": SIZES, "epochs": epochs, "seeds": list(range(seeds))}
    study = Study(folder, project, write_study(folder, attacks=["fgsm"], **settings))
    study.snakemake("--until", "prepare")
    return study


def arguments(study: Study) -> list:
    where = ["--snakefile", study.project / "Snakefile", "--directory", study.folder]
    return [*where, *study.arguments, "--until", "train"]


def in_jobs(study: Study, environment: dict) -> list[Path]:
    """Train as Slurm jobs; their logs."""
    profile = study.project / "profiles" / "slurm"
    command = [sys.executable, "-m", "snakemake", "--workflow-profile", profile]
    command += ["--set-threads", "train=1", "--slurm-keep-successful-logs"]
    run([*command, *arguments(study)], study.folder, env=environment)
    return sorted((study.folder / "results" / "slurm-logs").rglob("*.log"))


def in_allocation(study: Study, environment: dict) -> list[Path]:
    """Train in one Slurm job that holds all cores; its log."""
    script = study.project / "profiles" / "slurm" / "allocation.sh"
    command = ["sbatch", "--wait", f"--cpus-per-task={CORES}", script]
    run([*command, *arguments(study)], study.folder, env=environment)
    return list(study.folder.glob("idsharp-*.log"))


def measure(way, study: Study, environment: dict) -> dict:
    """One way to train: means over trainings, and what all of them took."""
    load, before = os.getloadavg()[0], time.time()
    jobs = [lifetime(log) for log in way(study, environment)]
    wall = time.time() - before
    results = study.folder / "results" / "tiny"
    scripts = [lifetime(log) for log in (results / "logs" / "train").rglob("*.log")]
    records = [json.loads(file.read_text()) for file in (results / "models").rglob("*.json")]
    n, work = len(scripts), sum(record["train_seconds"] for record in records)
    alone = way is in_jobs
    assert n == len(records) and len(jobs) == (n if alone else 1)
    held = sum(end - start for start, end in jobs) * (1 if alone else CORES)
    # Means can be subtracted without knowing which job had which script.
    first, last = (mean(s[i] for s in scripts) - mean(j[i] for j in jobs) for i in (0, 1))
    return {
        "way": "a job each" if alone else "one allocation", "trainings": n,
        "load_before": load, "wall_s": wall, "held_core_s": held,
        "before_script_s": first if alone else "",
        "start_s": mean(end - start for start, end in scripts) - work / n, "work_s": work / n,
        "after_script_s": -last if alone else "",
        "overhead_s": (held - work) / n, "overhead_share": 1 - work / held,
    }  # fmt: skip


def page(rows: list[dict]) -> str:
    """The tables of one run."""
    each, one = rows
    pieces = {
        "`sbatch`": each["sbatch_s"],
        "from its call until the job starts, on an idle node": each["submission_s"],
        "Snakemake in the job, which starts another one with `srun`": each["before_script_s"],
        "Python, torch, files": each["start_s"],
        "training": each["work_s"],
        "Snakemake in the job afterwards": each["after_script_s"],
    }
    compared = {
        "Python, torch, files, of each (s)": ("start_s", ".1f"),
        "training, of each (s)": ("work_s", ".1f"),
        "wall time of all trainings (s)": ("wall_s", ".0f"),
        "held by jobs: cores × time (s)": ("held_core_s", ".0f"),
        "of it not training": ("overhead_share", ".0%"),
        "not training, of each (s)": ("overhead_s", ".1f"),
    }
    lines = [
        "# What a small training costs under Slurm",
        "",
        f"Made by `python benchmarks/job_cost.py` on {each['date']}: {each['trainings']} trainings "
        f"of squeezenet1_1 on {SIZES[0]} or {SIZES[1]} images of 32×32, one thread each, on a "
        f"cluster of one node of {each['cores']} cores; {each['processor']}; Python "
        f"{each['python']}, torch {each['torch']}, Snakemake {each['snakemake']}, Slurm "
        f"{each['slurm']}. No GPU. Load of the machine before: {each['load_before']:.1f} and "
        f"{one['load_before']:.1f}; other work makes times longer, and not alike.",
        "",
        "| a job of its own (wall time, mean) | seconds |",
        "|---|--:|",
        *(f"| {name} | {seconds:.1f} |" for name, seconds in pieces.items()),
        "",
        f"| {each['trainings']} trainings | {each['way']} | {one['way']} |",
        "|---|--:|--:|",
        *(f"| {name} | {each[k]:{f}} | {one[k]:{f}} |" for name, (k, f) in compared.items()),
        f"| training from which on this is less than 10% (s) | {9 * each['overhead_s']:.0f} | "
        f"{9 * one['overhead_s']:.0f} |",
        "",
        "The start of Snakemake in the allocation and cores that idle at its end are shared by all",
        "trainings: with more of them, each costs less. The last line is 9 times the one above it.",
    ]
    return "\n".join(lines) + "\n"


def measure_all(folder: Path, epochs: int, seeds: int) -> list[dict]:
    """Both ways on a cluster in a folder."""
    project, cluster = folder / "project", folder / "cluster"
    project.mkdir()
    copy_project(project)
    fill_in_site(project)
    first = study_in(folder / "each", project, epochs, seeds)
    shutil.copytree(first.folder, folder / "one")
    studies = [first, Study(folder / "one", project, first.arguments)]
    started = run([NODE, "start", cluster], folder, False, env=os.environ | {"CPUS": str(CORES)})
    if started.returncode:
        sys.exit(started.stdout)
    path = [str(cluster / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    environment = os.environ | {"PATH": os.pathsep.join(path)}
    try:
        called, until_start = submission(folder, environment)
        this = machine() | {name: version(name) for name in ("torch", "snakemake")}
        this["slurm"] = run(["sinfo", "--version"], folder, env=environment).stdout.split()[-1]
        this |= {"sbatch_s": called, "submission_s": until_start}
        ways = zip((in_jobs, in_allocation), studies, strict=True)
        return [this | measure(way, study, environment) for way, study in ways]
    finally:
        subprocess.run([NODE, "stop", cluster], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=2, help=f"trainings on each of {SIZES} images")
    parser.add_argument("--out", type=Path, default=HERE)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        rows = measure_all(Path(temporary), args.epochs, args.seeds)
    # Rounded first, so that the page can be made from the table.
    rows = [{k: round(v, 3) if isinstance(v, float) else v for k, v in r.items()} for r in rows]
    with open(args.out / "job_cost.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    (args.out / "job_cost.md").write_text(page(rows), encoding="utf-8")
    print(page(rows))


if __name__ == "__main__":
    main()
