"""What Snakemake's job-rate timer costs: many trivial jobs, with the timer and without.

    python benchmarks/job_rate.py [--jobs 2000] [--wait 0] [--cores 2] [--repeats 2]

Runs a workflow of independent `touch` jobs in an empty folder, and with `--wait` then 12 that sleep
for so many seconds, most of which wait for a core; alternately as Snakemake does by default and
with `helpers.switch_off_job_rate_timer`, as this project's Snakefile does. Writes `job_rate.csv`
beside this file, where other settings stay, and their line in `pipeline.md`.
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
WAITING = 12
SNAKEFILE = f"""\
import sys
sys.path[:0] = [{str(HERE.parent)!r}, {str(HERE.parent / "rules")!r}]
import helpers

onstart:
    if config["timer"] == "off":
        helpers.switch_off_job_rate_timer(workflow.scheduler)

OUT = expand("out/{{i}}", i=range(config["jobs"]))

rule all:
    input:
        OUT,
        expand("waited/{{i}}", i=range({WAITING} if config["wait"] else 0)),

rule wait:
    input:
        OUT,
    output:
        "waited/{{i}}",
    params:
        seconds=config["wait"],
    shell:
        "sleep {{params.seconds}}; touch {{output}}"

rule one:
    output:
        "out/{{i}}",
    shell:
        "touch {{output}}"
"""


def measure(jobs: int, wait: int, cores: int, timer: str) -> dict:
    """Wall and processor time (s) of one run, with all its jobs."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "Snakefile").write_text(SNAKEFILE, encoding="utf-8")
        command = [Path(sys.executable).with_name("snakemake"), "--cores", str(cores)]
        command += ["--quiet", "all", "--config", f"timer={timer}", f"jobs={jobs}"]
        command += [f"wait={wait}"]
        load = os.getloadavg()[0]
        wall, busy = run(command, folder)
        assert len(list((folder / "out").iterdir())) == jobs
        assert len(list(folder.glob("waited/*"))) == (WAITING if wait else 0)
    return {"timer": timer, "jobs": jobs, "wait_s": wait, "cores": cores, "wall_s": round(wall, 1),
            "processor_s": round(busy, 1), "load_before": round(load, 1)}  # fmt: skip


def read_rows() -> list[dict]:
    """What was measured so far."""
    if not TABLE.exists():
        return []
    with open(TABLE, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def line(rows: list[dict]) -> str:
    """Every setting that was measured in one sentence, for `pipeline.md`."""
    parts = []
    for jobs, wait in dict.fromkeys((row["jobs"], row["wait_s"]) for row in rows):
        same = [row for row in rows if (row["jobs"], row["wait_s"]) == (jobs, wait)]
        on, off = ([row for row in same if row["timer"] == timer] for timer in ("on", "off"))
        wall, busy = (
            [f"{mean(float(row[name]) for row in part):.0f} s" for part in (on, off)]
            for name in ("wall_s", "processor_s")
        )
        waiting = f", then {WAITING} that sleep for {wait} s," if wait != "0" else ""
        parts.append(
            f"{jobs} jobs that only `touch` a file{waiting} take {wall[0]} with it and {wall[1]} "
            f"without it ({busy[0]} and {busy[1]} of processor time; {len(on)} run"
            f"{'' if len(on) == 1 else 's'} each of `--jobs {jobs} --wait {wait}`, load of the "
            f"machine before it "
            f"{min(float(row['load_before']) for row in same):.1f}–"
            f"{max(float(row['load_before']) for row in same):.1f})"
        )
    last = rows[-1]
    return (
        f"**Snakemake's job-rate timer**: {'; '.join(parts)}. Measured by `python "
        f"benchmarks/job_rate.py` on {last['date']}: {last['processor']}, {last['cores']} cores, "
        f"Snakemake {last['snakemake']}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--wait", type=int, default=0, help="seconds that 12 more jobs sleep")
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=2)
    args = parser.parse_args()
    this = machine() | {"snakemake": version("snakemake")}
    asked = (str(args.jobs), str(args.wait))
    rows = [row for row in read_rows() if (row["jobs"], row["wait_s"]) != asked]
    for _ in range(args.repeats):
        for timer in ("on", "off"):
            found = this | measure(args.jobs, args.wait, args.cores, timer)
            rows.append({name: str(value) for name, value in found.items()})
            print(rows[-1], flush=True)
    with open(TABLE, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[-1]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    page = HERE / "pipeline.md"
    kept = page.read_text(encoding="utf-8").split("\n**Snakemake's job-rate timer**")[0]
    page.write_text(f"{kept.rstrip()}\n\n{line(rows)}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
