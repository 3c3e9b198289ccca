"""The machine that a benchmark runs on, and the cost of a command on it."""

import os
import platform
import resource
import subprocess
import sys
import time
from datetime import date
from pathlib import Path


def machine() -> dict:
    """Processor, cores, memory, Python and the day."""
    cpuinfo = Path("/proc/cpuinfo")
    name, vnni = platform.processor(), "unknown"
    if cpuinfo.exists():
        text = cpuinfo.read_text()
        models = [line.split(":")[1].strip() for line in text.splitlines() if "model name" in line]
        name, vnni = (models or [name])[0], "yes" if "avx512_vnni" in text else "no"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return {
        "processor": name,
        "avx512_vnni": vnni,
        "cores": cores,
        "memory_gb": round(memory),
        "python": platform.python_version(),
        "date": date.today().isoformat(),
    }


def run(command: list, folder: Path) -> tuple[float, float]:
    """Wall time and processor time (s) of a command and of all that it starts."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with open(folder / "output.txt", "w") as output:
        done = subprocess.run(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.exit((folder / "output.txt").read_text())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return time.perf_counter() - started, busy
