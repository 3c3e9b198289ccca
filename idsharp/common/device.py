"""Which device a job computes on, when many jobs share a machine, and how exactly.

A scheduler that sets CUDA_VISIBLE_DEVICES is obeyed. On a machine without one, each job takes a
free slot of a GPU by a file lock, since Snakemake counts GPUs but hands out no device numbers.
"""

import fcntl
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count as count_up
from pathlib import Path

import torch

from idsharp.common.progress import TO_STDERR, Reporter

_SECONDS_BETWEEN_TRIES = 1


@contextmanager
def compute_device(jobs_per_gpu: int = 1, report: Reporter = TO_STDERR) -> Iterator[torch.device]:
    """A device to compute on until the block ends: a slot of a visible GPU, else the CPU.

    Waits while all slots of all GPUs are taken by other jobs of this user on this machine.

    Args:
        jobs_per_gpu: jobs that may share one GPU.
        report: told, once, that the job waits.
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
    for attempt in count_up():
        for device, path in slots:
            with open(path, "w") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                try:
                    with torch.cuda.device(device):
                        yield torch.device("cuda", device)
                finally:
                    # The next job has the place before this process has ended.
                    torch.cuda.empty_cache()
                return
        if attempt == 0:
            report.say(f"waiting: other jobs hold all {len(slots)} places on {count} GPU(s)")
        time.sleep(_SECONDS_BETWEEN_TRIES)


def choose_algorithms(device: torch.device, deterministic: bool) -> None:
    """Let a GPU compute the same to the last bit every time, or as fast as it can.

    A CPU does the first anyway. Float32 is float32 on both.

    Args:
        deterministic: operations that have no such algorithm then raise RuntimeError.
    """
    # cuDNN rounds what convolutions multiply to 10 bits (TF32) unless told otherwise; gradients'
    # signs are to be the same on a GPU as on a CPU.
    torch.backends.cudnn.allow_tf32 = False
    if device.type != "cuda":
        return
    # Read when cuBLAS is first used, wanted or not (its documentation, "Results reproducibility").
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cudnn.benchmark = not deterministic
    # Asking imports torch's compiler, which takes seconds.
    if torch.are_deterministic_algorithms_enabled() != deterministic:
        torch.use_deterministic_algorithms(deterministic)
    # Filling what is never read costs time and changes no number.
    torch.utils.deterministic.fill_uninitialized_memory = False


def precision_on(device: torch.device, wanted: str) -> str:
    """The number format of a training: "auto" is bfloat16 where a GPU has it, else float32."""
    if wanted != "auto":
        return wanted
    native = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bfloat16" if native else "float32"


def peak_memory_mb(device: torch.device) -> float:
    """Largest memory so far in MB: what torch reserved on a GPU, or the process on a CPU."""
    if device.type == "cuda":
        # What a CUDA graph keeps for its replays is reserved, not allocated.
        return round(torch.cuda.max_memory_reserved(device) / 1e6, 1)
    # macOS counts bytes, Linux kibibytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)


def describe(device: torch.device) -> str:
    """The device's name for records."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{_processor()}, {torch.get_num_threads()} threads"


def _processor() -> str:
    """The processor's name, as Linux gives it, else its kind."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
