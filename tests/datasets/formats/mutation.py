"""Damages small valid files at random, parses them, and prints whatever ends otherwise than it may.

    python -m tests.datasets.formats.mutation --seconds 600

A parser may succeed, or raise one of the library's own errors with the name of the file; it may not
print, nor take more than a few seconds of the processor, or memory that a small file does not
explain.
"""

import argparse
import io
import json
import resource
import signal
import sys
import tempfile
import time
import warnings
import zlib
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np

from idsharp.datasets.download.nbia import _DamagedError
from idsharp.datasets.download.unpack import ArchiveError
from idsharp.datasets.errors import DatasetError, FormatError
from tests.datasets.formats.specimens import Specimen, specimens

#: Address space that parsing may take beyond what the process has, in bytes.
MEMORY = 2**29
#: Seconds that one small file may take, of the processor: a busy machine is no fault of a parser.
TIME = 5

_OWN = (FormatError, DatasetError, ArchiveError)
# What lengths and counts are overwritten with.
_NUMBERS = (0, 1, 2, 255, 2**15, 2**16 - 1, 10**6, 2**31 - 1, 2**31, 2**32 - 1)


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """The bytes of a file, damaged at one to three places."""
    damaged = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        # Headers, which say how much follows, stand first.
        limit = len(damaged) if rng.random() < 0.5 else min(len(damaged), 512)
        place = int(rng.integers(max(limit, 1)))
        length = int(rng.choice([1, 2, 4, 16, 64]))
        match rng.integers(7):
            case 0:
                damaged[place : place + 1] = bytes(
                    b ^ (1 << int(rng.integers(8))) for b in damaged[place : place + 1]
                )
            case 1:
                damaged[place : place + length] = rng.bytes(length)
            case 2:
                number, order = int(rng.choice(_NUMBERS)), ("little", "big")[rng.integers(2)]
                size = int(rng.choice([2, 4, 8]))
                damaged[place : place + size] = (number % 256**size).to_bytes(size, order)
            case 3:
                del damaged[place:]
            case 4:
                del damaged[place : place + length]
            case 5:
                damaged[place:place] = rng.bytes(length)
            case 6:
                start = int(rng.integers(len(damaged) + 1))
                damaged[place:place] = damaged[start : start + length]
    return bytes(damaged)


def fault_of(specimen: Specimen, file: Path) -> str | None:
    """What is wrong with how a damaged file was parsed; None if nothing is."""
    with redirect_stdout(io.StringIO()) as printed:
        fault = _fault_of(specimen, file)
    # Where `idsharp measure --json -` writes.
    return f"prints {printed.getvalue()!r}" if printed.getvalue() else fault


def _fault_of(specimen: Specimen, file: Path) -> str | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            signal.setitimer(signal.ITIMER_PROF, TIME)
            specimen.read(file)
            return None
    except Exception as error:
        signal.setitimer(signal.ITIMER_PROF, 0)
        causes = list(_causes(error))
        limits = _TooLongError if specimen.reserves else (_TooLongError, MemoryError)
        if any(isinstance(cause, limits) for cause in causes):
            return f"takes too much memory or time: {causes[-1]!r}"
        if isinstance(error, (_DamagedError, MemoryError)):
            return None
        if not isinstance(error, _OWN):
            return f"ends in {error!r}"
        return None if file.name in str(error) else f"does not name the file: {error}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


class _TooLongError(Exception):
    pass


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _stop(*_) -> None:
    raise _TooLongError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=float, help="go on for so long; else --times")
    parser.add_argument("--times", type=int, default=20, help="damaged files of each kind")
    parser.add_argument("--seed", type=int, default=0, help="of the damage")
    parser.add_argument("--only", default="", help="names of specimens that contain this")
    args = parser.parse_args()
    every = [specimen for specimen in specimens() if args.only in specimen.name]
    signal.signal(signal.SIGPROF, _stop)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    start, n = time.monotonic(), 0
    times = sys.maxsize if args.seconds else args.times
    with tempfile.TemporaryDirectory() as folder:
        for number in range(args.seed, args.seed + times):
            if args.seconds and time.monotonic() - start > args.seconds:
                break
            for specimen in every:
                damaged = mutated(
                    specimen.content,
                    np.random.default_rng([number, zlib.crc32(specimen.name.encode())]),
                )
                file = Path(folder) / specimen.name
                file.write_bytes(specimen.wrap(damaged))
                # Said beforehand, in case that a parser ends the process.
                print(json.dumps([specimen.name, number]), file=sys.stderr)
                fault = fault_of(specimen, file)
                if fault is not None:
                    print(json.dumps([specimen.name, number, fault]), flush=True)
                n += 1
    print(json.dumps([n]), flush=True)


if __name__ == "__main__":
    main()
