"""Which GPU a job takes where many jobs share a machine; the GPUs are imitated."""

import io
import threading
from contextlib import ExitStack, nullcontext
from types import SimpleNamespace

import pytest
import torch

from idsharp.common import device
from idsharp.common.device import choose_algorithms, compute_device
from idsharp.common.progress import Reporter


@pytest.fixture
def two_gpus(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    properties = [SimpleNamespace(uuid=f"GPU-{name}") for name in "ab"]
    monkeypatch.setattr(torch.cuda, "get_device_properties", properties.__getitem__)
    monkeypatch.setattr(torch.cuda, "device", nullcontext)
    monkeypatch.setattr(device.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(device, "_SECONDS_BETWEEN_TRIES", 0.01)


def test_without_a_gpu_it_is_the_cpu_and_float32_means_float32(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    with compute_device() as found:
        choose_algorithms(found, deterministic=False)
    assert found == torch.device("cpu")
    assert not torch.backends.cudnn.allow_tf32


def test_jobs_spread_over_the_gpus_before_they_share_one(two_gpus):
    with ExitStack() as jobs:
        taken = [jobs.enter_context(compute_device(jobs_per_gpu=2)) for _ in range(4)]
    assert [place.index for place in taken] == [0, 1, 0, 1]


def test_a_job_waits_for_a_free_gpu_and_says_so(two_gpus):
    got, waits = [], threading.Event()
    stream = io.StringIO()
    # Written after the line itself.
    stream.flush = waits.set

    def late() -> None:
        with compute_device(report=Reporter(stream)) as found:
            got.append(found.index)

    with compute_device(), ExitStack() as second:
        second.enter_context(compute_device())
        job = threading.Thread(target=late)
        job.start()
        assert waits.wait(timeout=10)
        assert not got
        second.close()
        job.join(timeout=10)
    assert got == [1]
    assert stream.getvalue() == "waiting: other jobs hold all 2 slots on 2 GPU(s)\n"


def test_a_job_that_failed_leaves_its_gpu_to_the_next(two_gpus):
    with pytest.raises(RuntimeError, match="boom"), compute_device():
        raise RuntimeError("boom")
    with compute_device() as found:
        assert found.index == 0
