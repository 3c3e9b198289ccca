"""Entry point and common options of the pipeline's scripts."""

import argparse
import gc
import os
import sys
from collections.abc import Callable


def run(main: Callable[[], None], timed: bool = True) -> None:
    """Run a script; invalid input ends it with one line on stderr instead of a traceback.

    Invalid input is an OSError or one of the project's own subclasses of ValueError, whose messages
    are written for users. Running out of memory is reported the same way. Anything else is a bug
    and keeps its traceback.

    Args:
        timed: print, as the last line, the processor time of the start (Python and imports) and of
            the work itself.
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
    """What to do if memory ran out; None if the error has another cause."""
    text = str(error).partition("\n")[0]
    if "CUDA" in text and "out of memory" in text:
        return (
            f"the memory of the GPU ran out ({text}); lower jobs_per_gpu of the study or "
            "batch_size of the model, or use a GPU with more"
        )
    # torch does not raise MemoryError.
    if isinstance(error, MemoryError) or "DefaultCPUAllocator" in text:
        reason = text.rpartition("DefaultCPUAllocator: ")[2] or "no more could be had"
        return (
            f"memory ran out ({reason}); give the job more (mem_mb in a cluster's profile, fewer "
            "--cores on one machine), or lower image_size or pool_size of the study"
        )
    return None


def add_task_options(parser: argparse.ArgumentParser) -> None:
    """Add options for the files of a prepared task, as `load_subset` takes them."""
    parser.add_argument("--images", required=True, help="images of the task, .npy")
    parser.add_argument("--samples", required=True, help="samples of the task, .csv")


def add_compute_options(parser: argparse.ArgumentParser) -> None:
    """Add options for where networks are computed, and how reproducibly."""
    parser.add_argument("--deterministic", action="store_true", help="bit for bit on a GPU, too")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--jobs-per-gpu", type=int, default=1, help="jobs that may share a GPU")


def _processor_seconds() -> float:
    """Processor time of this process and of its child processes that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
