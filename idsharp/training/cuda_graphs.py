"""A training step captured once as a CUDA graph and replayed for every further full batch.

A step of a small network is hundreds of kernels, each launched from Python; a graph launches them
all at once. After PyTorch's notes on CUDA semantics, "Whole-network capture". Not yet
measured.
"""

from collections.abc import Callable

import torch

# Steps before the capture, in which the libraries choose algorithms and allocate workspace.
_WARM_UP = 3


class GraphedStep:
    """Computes the steps of full batches by a graph, and all others directly.

    The first full batches are computed directly on a side stream, as real steps of the training,
    so that the weights are those of a training without graphs.

    Args:
        full: images in a full batch.
    """

    def __init__(self, full: int, device: torch.device):
        self.device = device
        self.chosen = torch.zeros(full, dtype=torch.int64, device=device)
        # cuBLAS keeps a workspace per stream, so the warm-up uses the stream of the capture.
        self.stream = torch.cuda.Stream(device)
        self.graph: torch.cuda.CUDAGraph | None = None
        self.warmed = 0

    def __call__(self, step: Callable[[torch.Tensor], None], chosen: torch.Tensor) -> None:
        """Compute one step of the training.

        Args:
            step: takes the positions of a batch (a tensor on the GPU). Everything else that it
                reads or writes stays at the same place in memory, and it never waits for the GPU.
                The same function at every call.
            chosen: the positions.
        """
        if len(chosen) != len(self.chosen):
            step(chosen)
            return
        self.chosen.copy_(chosen)
        if self.warmed < _WARM_UP:
            current = torch.cuda.current_stream(self.device)
            self.stream.wait_stream(current)
            with torch.cuda.stream(self.stream):
                step(self.chosen)
            current.wait_stream(self.stream)
            self.warmed += 1
            return
        if self.graph is None:
            # Capturing records the step without computing it.
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=self.stream):
                step(self.chosen)
            self.graph = graph
        self.graph.replay()
