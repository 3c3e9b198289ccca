"""What Snakemake's job-rate timer costs: many trivial jobs, with the timer and without.

    python benchmarks/job_rate.py [--jobs 2000] [--cores 2] [--repeats 2]

Runs a workflow of independent `touch` jobs in an empty folder, alternately as Snakemake does by
default and with `helpers.switch_off_job_rate_timer`, as this project's Snakefile does. Writes
`job_rate.csv` beside this file, and its line in `pipeline.md`.
"""

import argparse
import csv
import os
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from statistics import mean

from machine import machine, run

HERE = Path(__file__).resolve().parent
TABLE = HERE / "job_rate.csv"
SNAKEFILE = f"""\
import sys
sys.path[:0] = [{str(HERE.parent)!r}, {str(HERE.parent / "rules")!r}]
import helpers

onstart:
    if config["timer"] == "off":
        helpers.switch_off_job_rate_timer(workflow.scheduler)

rule all:
    input:
        expand("out/{{i}}", i=range(int(config["jobs"]))),

rule one:
    output:
        "out/{{i}}",
    shell:
        "touch {{output}}"
"""


def measure(jobs: int, cores: int, timer: str) -> dict:
    """Wall and processor time (s) of one run, with all its jobs."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "Snakefile").write_text(SNAKEFILE, encoding="utf-8")
        command = [Path(sys.executable).with_name("snakemake"), "--cores", str(cores)]
        command += ["--quiet", "all", "--config", f"timer={timer}", f"jobs={jobs}"]
        load = os.getloadavg()[0]
        wall, busy = run(command, folder)
        assert len(list((folder / "out").iterdir())) == jobs
    return {"timer": timer, "jobs": jobs, "cores": cores, "wall_s": round(wall, 1),
            "processor_s": round(busy, 1), "load_before": round(load, 1)}  # fmt: skip


def line(table: Path = TABLE) -> str:
    """The result in one sentence, for `pipeline.md`."""
    with open(table, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    on, off = ([row for row in rows if row["timer"] == timer] for timer in ("on", "off"))
    wall, busy = (
        [f"{mean(float(row[name]) for row in part):.0f} s" for part in (on, off)]
        for name in ("wall_s", "processor_s")
    )
    first, loads = rows[0], [float(row["load_before"]) for row in rows]
    return (
        f"**Snakemake's job-rate timer**: {first['jobs']} jobs that only `touch` a file take "
        f"{wall[0]} with it and {wall[1]} without it ({busy[0]} and {busy[1]} of processor time; "
        f"means of {len(on)} runs each by `python benchmarks/job_rate.py` on {first['date']}; "
        f"{first['processor']}, {first['cores']} cores, Snakemake {first['snakemake']}; load of "
        f"the machine before each run {min(loads):.1f}–{max(loads):.1f})."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=2)
    args = parser.parse_args()
    this = machine() | {"snakemake": version("snakemake")}
    rows = []
    for _ in range(args.repeats):
        for timer in ("on", "off"):
            rows.append(this | measure(args.jobs, args.cores, timer))
            print(rows[-1], flush=True)
    with open(TABLE, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    page = HERE / "pipeline.md"
    kept = page.read_text(encoding="utf-8").split("\n**Snakemake's job-rate timer**")[0]
    page.write_text(f"{kept.rstrip()}\n\n{line()}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
