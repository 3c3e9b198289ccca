"""Where the time of the demo goes: into computing, starting Python, Snakemake, or waiting.

    python benchmarks/pipeline.py [--cores 2] [--study demo]

Runs a study in an empty folder, and then its report, as `make demo` does. Every job's log ends with
the processor time that it took to start (Python and imports) and to work; what else the run took is
Snakemake's. The rest of cores × wall time is waiting. Writes `pipeline.md` beside this file.
"""

import argparse
import os
import re
import sys
import tempfile
from collections import defaultdict
from datetime import date
from importlib.metadata import version
from pathlib import Path

import job_rate
from machine import machine, run

HERE = Path(__file__).resolve().parent
RULES = ("locate", "index", "prepare", "properties", "train", "attack", "representation")
RULES += ("tables", "figures", "summary")
LINE = re.compile(r"processor time: ([\d.]+) s to start, ([\d.]+) s to work")


def times_of_jobs(logs: Path) -> dict[str, list[tuple[float, float]]]:
    """Seconds to start and to work of every job, by rule."""
    times = defaultdict(list)
    for log in sorted(logs.rglob("*.log")):
        found = LINE.findall(log.read_text(encoding="utf-8"))
        if not found:
            sys.exit(f"{log} does not say how long its job took")
        rule = log.relative_to(logs).parts[0].removesuffix(".log")
        times[rule].append(tuple(map(float, found[-1])))
    return times


def page(study: str, cores: int, wall: float, busy: float, report: tuple, times: dict) -> str:
    """The table of one run."""
    this, all_time = machine(), cores * wall
    start, work = (sum(job[i] for jobs in times.values() for job in jobs) for i in (0, 1))
    snakemake = busy - start - work - report[1]
    rows = [
        (rule, len(times[rule]), *(sum(job[i] for job in times[rule]) for i in (0, 1)))
        for rule in RULES
        if rule in times
    ]
    lines = [
        "# The pipeline's own cost",
        "",
        f"Made by `python benchmarks/pipeline.py` on {date.today()}: study `{study}` from nothing, "
        f"with its report; {this['processor']}, {cores} cores; Python {this['python']}, torch "
        f"{version('torch')}, Snakemake {version('snakemake')}.",
        "",
        f"**{work / all_time:.0%} of the time of the cores computes** ({wall:.0f} s on {cores} "
        f"cores). Processor time in seconds:",
        "",
        "| | jobs | to start | to work |",
        "|---|--:|--:|--:|",
        *(f"| {rule} | {n} | {a:.1f} | {b:.1f} |" for rule, n, a, b in rows),
        f"| all jobs | {sum(row[1] for row in rows)} | {start:.1f} | {work:.1f} |",
        "",
        "| | seconds | share |",
        "|---|--:|--:|",
        *(
            f"| {name} | {seconds:.1f} | {seconds / all_time:.0%} |"
            for name, seconds in {
                "computing": work,
                "starting Python, imports": start,
                "Snakemake": snakemake,
                "its report": report[1],
                "waiting": all_time - busy,
                "cores × wall time": all_time,
            }.items()
        ),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("--study", default="demo")
    parser.add_argument("--out", type=Path, default=HERE / "pipeline.md")
    args = parser.parse_args()
    snakemake = [Path(sys.executable).with_name("snakemake"), "--cores", str(args.cores)]
    snakemake += ["--snakefile", HERE.parent / "Snakefile", "--config", f"study={args.study}"]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        wall, busy = run(snakemake, folder)
        report = run([*snakemake, "--report", f"results/{args.study}/report.html"], folder)
        times = times_of_jobs(folder / "results" / args.study / "logs")
    text = page(args.study, args.cores, wall + report[0], busy + report[1], report, times)
    if job_rate.TABLE.exists():
        text += f"\n{job_rate.line(job_rate.read_rows())}\n"
    args.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
