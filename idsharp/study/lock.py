"""Whether the run that locked a folder of results still lives.

A run that is killed (SIGKILL, a power cut) leaves Snakemake's lock behind. Here each run also holds
a lock of the operating system on a file of its own, which ends with the process, however that ends.
From this the next run can tell that it is alone, and removes what Snakemake left.
"""

import fcntl
import json
import os
import socket
from datetime import datetime
from pathlib import Path

#: Keeps files open, and with them their locks, as long as the process lives.
_held: list[int] = []


def hold(folder: Path, jobs_run_here: bool) -> None:
    """Say that a run is alive in this working directory, until the process ends.

    Where the file system has no locks, nothing is said, and Snakemake's own lock is all there is.
    """
    folder = _runs(folder)
    folder.mkdir(parents=True, exist_ok=True)
    told = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": datetime.now().isoformat(" ", "seconds"),
        "jobs_run_here": jobs_run_here,
    }
    file = folder / f"{told['host']}.{told['pid']}.json"
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        file.unlink()
        return
    os.write(descriptor, json.dumps(told).encode())
    _held.append(descriptor)


def release_if_dead(folder: Path, scripts: str) -> str | None:
    """Remove Snakemake's lock on a working directory if the runs that may have taken it are dead.

    Args:
        scripts: the folder of the scripts that jobs run, as it stands in their commands.

    Returns:
        What the user should know, in one line; None if nothing is locked, or a run is alive.
    """
    files = sorted(_runs(folder).glob("*.json"))
    dead = [told for told in map(_dead, files) if told]
    if len(dead) < len(files):
        return None
    locks = list((folder / ".snakemake" / "locks").glob("*.lock"))
    trouble = _trouble(dead[-1], folder, scripts) if locks and dead else None
    if trouble:
        return f"The run of {dead[-1]['started']} was killed. {trouble} snakemake --unlock"
    for file in files:
        file.unlink(missing_ok=True)
    if not locks or not dead:
        return None
    for lock in locks:
        lock.unlink(missing_ok=True)
    return (
        f"The run of {dead[-1]['started']} was killed. Its lock is removed, and what it left "
        "unfinished is done again."
    )


def _trouble(run: dict, folder: Path, scripts: str) -> str | None:
    """Why the lock of a dead run must stay; None if it need not."""
    if not run["jobs_run_here"]:
        return "Its cluster jobs may still be queued or running; cancel them or wait, then type:"
    running = ", ".join(map(str, _jobs(folder, scripts)))
    return running and f"Jobs of it still run (process {running}); end them or wait, then type:"


def _runs(folder: Path) -> Path:
    return folder / ".snakemake" / "idsharp_runs"


def _dead(file: Path) -> dict | None:
    """What a run said of itself, if it ran on this host and is dead; None if it may be alive."""
    try:
        with open(file, "rb+") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            told = json.load(stream)
    except (OSError, ValueError):
        return None
    # A lock may not reach other hosts.
    return told if told["host"] == socket.gethostname() else None


def _jobs(folder: Path, scripts: str) -> list[int]:
    """Processes that run one of our scripts in this working directory."""
    import psutil

    found = []
    for process in psutil.process_iter(["pid", "cmdline", "cwd"]):
        given = process.info["cmdline"] or []
        here = process.info["cwd"] == str(folder.resolve())
        if here and any(word.startswith(f"{scripts}{os.sep}") for word in given[1:2]):
            found.append(process.info["pid"])
    return found
