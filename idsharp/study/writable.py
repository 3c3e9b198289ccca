"""Whether results can be written at all, asked before a run starts jobs."""

import errno
import tempfile
from pathlib import Path

_LOCKED = {errno.EROFS, errno.EACCES, errno.EPERM}


def unwritable(folder: str | Path) -> str | None:
    """What to do about a folder, there or yet to be made, in which no file may be written.

    None if files may. In a read-only folder Snakemake would end with a traceback: it deletes old
    outputs before a job starts.
    """
    there = Path(folder)
    while not there.is_dir():
        there = there.parent
    try:
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        if error.errno in _LOCKED:
            return (
                f"{folder}/ cannot be written ({error.strerror}); allow writing there, and run the "
                "same command again"
            )
    return None
