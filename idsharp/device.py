"""Which device a job computes on, when many jobs share a machine.

A scheduler that sets CUDA_VISIBLE_DEVICES is obeyed. On a machine without one, each job takes a
free slot of a GPU by a file lock, since Snakemake counts GPUs but hands out no device numbers.
"""

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch


@contextmanager
def compute_device(jobs_per_gpu: int = 1) -> Iterator[torch.device]:
    """A device to compute on until the block ends: a slot of a visible GPU, else the CPU.

    Waits while all slots of all GPUs are taken by other jobs of this user on this machine.

    Args:
        jobs_per_gpu: jobs that may share one GPU.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not count:
        yield torch.device("cpu")
        return
    folder = Path(tempfile.gettempdir()) / f"idsharp-gpu-{os.getuid()}"
    folder.mkdir(exist_ok=True, mode=0o700)
    # Slots are named after the physical device, which differs between jobs of a scheduler.
    names = [torch.cuda.get_device_properties(i).uuid for i in range(count)]
    slots = [
        (i, folder / f"{names[i]}.{slot}") for slot in range(jobs_per_gpu) for i in range(count)
    ]
    while True:
        for device, path in slots:
            with open(path, "w") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                yield torch.device("cuda", device)
                return
        time.sleep(1)


def describe(device: torch.device) -> str:
    """The device's name for records."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} threads"
