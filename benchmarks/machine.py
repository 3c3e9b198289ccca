"""The machine that a benchmark runs on."""

import os
import platform
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
