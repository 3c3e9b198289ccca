"""What a trained network makes of its training images, and the dimension of that."""

import numpy as np
import torch

from idsharp.models import ScaledModel, penultimate
from idsharp.properties import dimension_record
from idsharp.training import as_input


def activations(
    model: ScaledModel, name: str, images: np.ndarray, device: torch.device, batch_size: int = 125
) -> np.ndarray:
    """Penultimate-layer activations (n×p float32) of n×C×H×W uint8 images, in eval mode."""
    model.to(device).eval()
    with penultimate(model, name) as collected, torch.no_grad():
        for part in torch.from_numpy(np.array(images)).split(batch_size):
            model(as_input(part.to(device)))
    return torch.cat(collected).cpu().numpy()


def representation_record(
    model: ScaledModel, name: str, images: np.ndarray, k: int, device: torch.device
) -> dict:
    """Intrinsic dimension of the penultimate representation of these images, as a flat record."""
    features = activations(model, name, images, device)
    return {"n_features": features.shape[1]} | dimension_record(features, k)
