"""Predictions of a network on 8-bit images."""

import torch

from idsharp.models.build import build_model
from idsharp.models.inference import as_input, constant, predict


def test_constant_logits():
    logits = torch.tensor([[3.0, -1.0]]).repeat(4, 1)
    assert constant(logits)
    assert constant(torch.zeros(3, 2))
    logits[2, 1] += 1e-3
    assert not constant(logits)


def test_predictions_are_those_of_the_whole_in_eval_mode():
    model = build_model("resnet18", 1, 2, seed=0).train()
    images = torch.randint(0, 256, (5, 1, 32, 32), dtype=torch.uint8)
    seen = []
    logits = predict(model, images, batch_size=2, after_batch=lambda: seen.append(1))
    assert len(seen) == 3
    assert not model.training
    with torch.no_grad():
        torch.testing.assert_close(logits, model(images / 255))
    assert as_input(images).max() <= 1
