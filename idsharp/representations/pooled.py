"""Activations of one layer of any network, in memory."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn


def pooled_activations(
    model: nn.Module,
    layer: str,
    batches: Iterable,
    device: str | torch.device | None = None,
    call: int | None = None,
) -> np.ndarray:
    """One layer's output for every image in the batches, n×p float32, in eval mode.

    Args:
        layer: dotted name of a submodule; its output is averaged over space where it is n×C×H×W,
            and flattened otherwise.
        batches: tensors, or tuples whose first element is the input.
        device: where inputs go; None: where the model's first parameter is.
        call: which of the layer's calls to take, from 1, where one forward pass calls it several
            times, as torchvision's ResNets call their ReLUs.

    Raises:
        ValueError: there is no such layer or call, the layer is called several times and `call` is
            None, its output is not a tensor, or there are no batches.
    """
    module = _submodule(model, layer)
    outputs: list[torch.Tensor] = []

    def keep(_module, _inputs, output) -> None:
        if not isinstance(output, torch.Tensor):
            raise ValueError(f"layer {layer!r} returns {type(output).__name__}, not a tensor")
        pooled = output.mean(dim=(2, 3)) if output.ndim == 4 else output.flatten(1)
        # Always a copy, since later layers may work in place, as most ReLUs do.
        outputs.append(pooled.to("cpu", torch.float32, copy=True))

    if device is None:
        device = next((parameter.device for parameter in model.parameters()), "cpu")
    collected = []
    handle = module.register_forward_hook(keep)
    try:
        with _evaluating(model), torch.no_grad():
            for batch in batches:
                outputs.clear()
                model((batch[0] if isinstance(batch, tuple | list) else batch).to(device))
                collected.append(outputs[_chosen(layer, len(outputs), call)])
    finally:
        handle.remove()
    if not collected:
        raise ValueError("the loader gave no batch")
    return torch.cat(collected).numpy()


def _submodule(model: nn.Module, layer: str) -> nn.Module:
    try:
        return model.get_submodule(layer)
    except AttributeError as error:
        names = ", ".join(name for name, _ in model.named_modules() if name)
        raise ValueError(f"the model has no layer {layer!r}; it has {names}") from error


def _chosen(layer: str, n_calls: int, call: int | None) -> int:
    """Position of the chosen call among those that a forward pass made."""
    if n_calls == 0:
        raise ValueError(f"layer {layer!r} is not called in a forward pass")
    if call is None and n_calls > 1:
        raise ValueError(
            f"layer {layer!r} is called {n_calls} times in a forward pass: choose one of the calls "
            f"by call=1 to call={n_calls}"
        )
    if call is not None and not 1 <= call <= n_calls:
        raise ValueError(f"layer {layer!r} has calls 1 to {n_calls}, found call={call}")
    return (call or 1) - 1


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """The model in eval mode within the block; afterwards every part as it was."""
    training = {name: part.training for name, part in model.named_modules()}
    model.eval()
    try:
        yield
    finally:
        # Part by part: some may have been frozen in eval mode.
        for name, part in model.named_modules():
            part.training = training[name]
