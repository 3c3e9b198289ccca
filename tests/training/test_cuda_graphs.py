"""When a step is computed and when replayed, with an imitated GPU; test_cuda.py has a real one."""

from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest
import torch

from idsharp.training.cuda_graphs import GraphedStep


@pytest.fixture
def imitation(monkeypatch):
    """A GPU whose graph records calls while it captures, and makes them when it is replayed."""
    state = SimpleNamespace(capturing=None, captures=0)

    class Graph:
        def __init__(self):
            self.calls = []

        def replay(self):
            for call in self.calls:
                call()

    @contextmanager
    def capture(graph, stream):
        state.capturing, state.captures = graph, state.captures + 1
        yield
        state.capturing = None

    stream = SimpleNamespace(wait_stream=lambda other: None)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", capture)
    return state


def test_every_batch_is_computed_once_and_with_its_own_images(imitation):
    done = []

    def step(chosen: torch.Tensor) -> None:
        def compute() -> None:
            done.append(chosen.tolist())

        if imitation.capturing:
            imitation.capturing.calls.append(compute)
        else:
            compute()

    graphed = GraphedStep(full=4, device=torch.device("cpu"))
    batches = [torch.randperm(100)[:size] for size in (4, 4, 4, 4, 2, 4, 5, 4, 1, 4)]
    for batch in batches:
        graphed(step, batch)
    assert done == [batch.tolist() for batch in batches]
    assert imitation.captures == 1


def test_nothing_is_captured_where_no_batch_is_full(imitation):
    done = []
    graphed = GraphedStep(full=4, device="cpu")
    for _ in range(8):
        graphed(lambda chosen: done.append(len(chosen)), torch.arange(3))
    assert done == [3] * 8
    assert imitation.captures == 0
