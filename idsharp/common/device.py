"""The device a job computes on where many jobs share a machine, and how exactly it computes.

If a scheduler has set CUDA_VISIBLE_DEVICES, only those GPUs are used. Within them each job takes a
free slot by locking a file, because Snakemake counts GPUs but does not assign device numbers.
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
def compute_device(
    jobs_per_gpu: int = 1, threads: int | None = None, report: Reporter = TO_STDERR
) -> Iterator[torch.device]:
    """A device for the duration of the block: a slot on a visible GPU, or the CPU without a GPU.

    Waits while other jobs of this user on this machine hold every slot of every GPU.

    Args:
        jobs_per_gpu: how many jobs may share one GPU.
        threads: CPU threads of torch, from now on; None leaves them as they are.
        report: told once that the job is waiting.
    """
    if threads:
        torch.set_num_threads(threads)
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not count:
        yield torch.device("cpu")
        return
    folder = Path(tempfile.gettempdir()) / f"idsharp-gpu-{os.getuid()}"
    folder.mkdir(exist_ok=True, mode=0o700)
    # Named after the physical device: under a scheduler, device 0 is a different GPU in each job.
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
                    # The next job may take the slot before this process has ended.
                    torch.cuda.empty_cache()
                return
        if attempt == 0:
            report.say(f"waiting: other jobs hold all {len(slots)} slots on {count} GPU(s)")
        time.sleep(_SECONDS_BETWEEN_TRIES)


def choose_algorithms(device: torch.device, deterministic: bool) -> None:
    """Choose algorithms that give the same bits every time on a GPU, or the fastest ones.

    A CPU always gives the same bits. Neither mode replaces float32 by a shorter format.

    Args:
        deterministic: the same bits every time; an operation without such an algorithm then raises
            RuntimeError.
    """
    # By default cuDNN rounds the factors in convolutions to 10 bits (TF32), which can flip signs of
    # gradients, and FGSM uses nothing else of them.
    torch.backends.cudnn.allow_tf32 = False
    if device.type != "cuda":
        return
    # Must be set before cuBLAS is first used (cuBLAS documentation, "Results reproducibility").
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cudnn.benchmark = not deterministic
    # Setting it imports torch's compiler, which takes seconds, so only if it changes something.
    if torch.are_deterministic_algorithms_enabled() != deterministic:
        torch.use_deterministic_algorithms(deterministic)
    # By default torch also fills new memory, which takes time and changes no result.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def precision_on(device: torch.device, wanted: str) -> str:
    """The number format to train in: "auto" is bfloat16 on a GPU that has it, otherwise float32."""
    if wanted != "auto":
        return wanted
    native = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bfloat16" if native else "float32"


def peak_memory_mb(device: torch.device) -> float:
    """Peak memory so far in MB: reserved by torch on a GPU, resident in the process on a CPU."""
    if device.type == "cuda":
        # Memory that a CUDA graph keeps for its replays counts as reserved, not as allocated.
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
    """The processor's model name on Linux, elsewhere its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
