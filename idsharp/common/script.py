"""How every script of the pipeline runs."""

import argparse
import gc
import os
import sys
from collections.abc import Callable


def run(main: Callable[[], None], timed: bool = True) -> None:
    """Run a script; wrong input ends in one line on stderr instead of a traceback.

    Wrong input is an OSError or one of the project's own subclasses of ValueError, whose messages
    are written for users. Memory that ran out is told likewise. Anything else is a defect and keeps
    its traceback.

    Args:
        timed: print as the last line how much processor time Python and the imports took, and how
            much the work itself.
    """
    start_up = _processor_seconds()
    # Imported objects stay until the end; not searching them for garbage saves 0.4 s with torch.
    gc.freeze()
    try:
        main()
        if timed:
            work = _processor_seconds() - start_up
            print(f"processor time: {start_up:.2f} s to start, {work:.2f} s to work")
    except (ValueError, OSError) as error:
        if isinstance(error, ValueError) and not type(error).__module__.startswith("idsharp."):
            raise
        sys.exit(f"error: {error}")
    except (MemoryError, RuntimeError) as error:
        told = _out_of_memory(error)
        if told is None:
            raise
        sys.exit(f"error: {told}")


def _out_of_memory(error: Exception) -> str | None:
    """What to do where memory ran out; None if the error is another one."""
    text = str(error).partition("\n")[0]
    if "CUDA" in text and "out of memory" in text:
        return (
            f"the memory of the GPU ran out ({text}); lower jobs_per_gpu of the study or "
            "batch_size of the model, or use a GPU with more"
        )
    # torch raises no MemoryError.
    if isinstance(error, MemoryError) or "DefaultCPUAllocator" in text:
        reason = text.rpartition("DefaultCPUAllocator: ")[2] or "no more could be had"
        return (
            f"memory ran out ({reason}); give the job more (mem_mb in a cluster's profile, fewer "
            "--cores on one machine), or lower image_size or pool_size of the study"
        )
    return None


def add_task_options(parser: argparse.ArgumentParser) -> None:
    """The files of a prepared task, as `load_subset` takes them."""
    parser.add_argument("--images", required=True, help="images of the task, .npy")
    parser.add_argument("--samples", required=True, help="samples of the task, .csv")


def add_compute_options(parser: argparse.ArgumentParser) -> None:
    """Where and how exactly networks are computed."""
    parser.add_argument("--deterministic", action="store_true", help="bit for bit on a GPU, too")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--jobs-per-gpu", type=int, default=1, help="jobs that may share a GPU")


def _processor_seconds() -> float:
    """Processor time of this process and of its child processes that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
