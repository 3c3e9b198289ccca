"""The state of a running training in a file, so that an interrupted training can resume."""

import hashlib
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from idsharp.common.code import ROOT, code_of, digest_of
from idsharp.common.progress import TO_STDERR, Reporter
from idsharp.common.records import atomic_path

# Saving takes at most about this share of the time.
_SHARE = 0.02


class StoppedError(InterruptedError):
    """A signal ended the training early; its state is saved."""


class StateFile:
    """The file that holds the state of one training.

    Args:
        path: of the file; nothing else may write there.
        stopped: returns the name of the signal that asked the process to end, or None
            (`stop_signals`).
        seconds: between two writes, at least.
        report: told what a person should know.
    """

    def __init__(
        self,
        path: str | Path,
        stopped: Callable[[], str | None] = lambda: None,
        seconds: float = 60,
        report: Reporter = TO_STDERR,
    ):
        self.path = Path(path)
        self.stopped = stopped
        self.seconds = seconds
        self.report = report
        self.next = time.monotonic() + seconds

    def load(self, fingerprint: str) -> dict | None:
        """The saved state of the training with this fingerprint; None if there is none."""
        if not self.path.exists():
            return None
        try:
            # Only tensors and plain values are read: a manipulated file cannot run code.
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            known = state.pop("fingerprint")
        except Exception as error:  # unpickling a damaged file may raise any
            self.report.note(f"{self.path} cannot be read ({error}): training starts over")
            return None
        if known != fingerprint:
            self.report.note(
                f"{self.path} belongs to other settings, data or code: training starts over"
            )
            return None
        return state

    def check(self, fingerprint: str, state: Callable[[], dict]) -> None:
        """Write the state if the time has come or the process is asked to end.

        Raises:
            StoppedError: the process is asked to end.
        """
        signal_name = self.stopped()
        if not signal_name and time.monotonic() < self.next:
            return
        started = time.monotonic()
        outcome = f"the state is saved in {self.path}, and the same command resumes from it"
        try:
            with atomic_path(self.path) as temporary, open(temporary, "wb") as file:
                torch.save(state() | {"fingerprint": fingerprint}, file)
        except (OSError, RuntimeError) as error:
            # A full disk is no reason to lose the training as well.
            outcome = f"its state could not be saved: {error}"
            self.report.note(outcome)
        ended = time.monotonic()
        self.next = ended + max(self.seconds, (ended - started) / _SHARE)
        if signal_name:
            raise StoppedError(f"stopped by {signal_name}; {outcome}")

    def remove(self) -> None:
        """Delete the file, once the results are written."""
        self.path.unlink(missing_ok=True)


@contextmanager
def stop_signals() -> Iterator[Callable[[], str | None]]:
    """Within the block, the first SIGTERM or SIGINT ends nothing by itself.

    Yields:
        A function that returns the name of the signal that has come, or None.
    """
    received: list[str] = []
    before: dict = {}

    def note(number: int, frame) -> None:
        received.append(signal.Signals(number).name)
        # A second one ends the process at once.
        signal.signal(number, before[number])

    for number in (signal.SIGTERM, signal.SIGINT):
        before[number] = signal.signal(number, note)
    try:
        yield lambda: received[0] if received else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def fingerprint(settings: dict, weights: dict[str, torch.Tensor], arrays: list[np.ndarray]) -> str:
    """A hash of all that decides the numbers of a training: settings, first weights, data, code."""
    digest = hashlib.sha256(repr(sorted(settings.items())).encode())
    for package in ("torch", "torchvision"):
        digest.update(version(package).encode())
    digest.update(code_digest().encode())
    for name, tensor in weights.items():
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(np.ascontiguousarray(tensor.detach().cpu().numpy()).data)
    for array in arrays:
        digest.update(f"{array.shape} {array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def code_digest(root: Path = ROOT) -> str:
    """A hash of the code of this package and of every module of the project it imports.

    Args:
        root: the folder that holds the library.
    """
    return digest_of(code_of(root.joinpath("idsharp", "training").glob("*.py"), root), root)
