"""Jobs that share a device at the same time, for `training.py`."""

import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from machine import machine

# In a process of its own, which leaves nothing on the GPU.
ASK_TORCH = """import torch
if torch.cuda.is_available():
    gpu = torch.cuda.get_device_properties(0)
    print(gpu.name, f"GPU-{gpu.uuid}", sep="\\n")"""


def device_name() -> tuple[str, str | None]:
    """Name of the GPU that torch uses, and by what nvidia-smi knows it; or the processor's name."""
    asked = subprocess.run([sys.executable, "-c", ASK_TORCH], stdout=subprocess.PIPE, text=True)
    name, *gpu = asked.stdout.splitlines() or [machine()["processor"]]
    return name, gpu[0] if gpu else None


def run_jobs(jobs: int, command: list, gpu: str | None) -> tuple[list[dict], float | None]:
    """What `jobs` processes at the same time report, and the GPU's utilization meanwhile (%)."""
    with tempfile.TemporaryDirectory() as barrier:
        command = list(map(str, [*command, "--barrier", barrier, "--jobs", jobs]))
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with Sampler(gpu) as sampler:
            running = [subprocess.Popen(command, **options) for _ in range(jobs)]
            try:
                wait_for(running)
            finally:
                for process in running:
                    process.kill()
            printed = [process.communicate()[0] for process in running]
    reports = [json.loads(out.strip().splitlines()[-1]) for out in printed]
    span = max(r["began"] for r in reports), min(r["ended"] for r in reports)
    return reports, sampler.mean(*span)


def wait_for(running: list[subprocess.Popen], seconds: float = 900) -> None:
    """Wait until all processes have ended well.

    Raises:
        RuntimeError: one failed, for which the others would wait for ever, or time is over.
    """
    until = time.monotonic() + seconds
    while any(process.poll() is None for process in running) and time.monotonic() < until:
        failed = [process for process in running if process.poll()]
        if failed:
            break
        time.sleep(0.1)
    for process in running:
        if process.poll():
            lines = process.communicate()[1].strip().splitlines()
            raise RuntimeError(lines[-1] if lines else f"ended with {process.returncode}")
    if any(process.poll() is None for process in running):
        raise RuntimeError(f"not done after {seconds:.0f} s")


class Sampler(threading.Thread):
    """Asks nvidia-smi twice a second how busy a GPU is."""

    def __init__(self, gpu: str | None):
        super().__init__(daemon=True)
        self.gpu, self.seen, self.over = gpu, [], False

    def run(self) -> None:
        query = ["nvidia-smi", "-i", self.gpu, "--query-gpu=utilization.gpu"]
        while not self.over:
            done = subprocess.run(
                [*query, "--format=csv,noheader,nounits"], capture_output=True, text=True
            )
            if done.returncode == 0 and done.stdout.strip().isdigit():
                self.seen.append((time.time(), float(done.stdout)))
            time.sleep(0.5)

    def __enter__(self):
        if self.gpu and shutil.which("nvidia-smi"):
            self.start()
        return self

    def __exit__(self, *error) -> None:
        self.over = True

    def mean(self, began: float, ended: float) -> float | None:
        inside = [value for moment, value in self.seen if began <= moment <= ended]
        return round(sum(inside) / len(inside), 1) if inside else None
