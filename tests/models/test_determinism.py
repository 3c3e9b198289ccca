"""Pooling that a GPU computes the same way every time."""

import pytest
import torch

from idsharp.models.build import build_model
from idsharp.models.determinism import AveragePool, replace_pooling
from idsharp.models.inference import predict


@pytest.mark.parametrize("size", [1, 2, 5, 7, 9, 14])
def test_pooling_by_matrices_is_adaptive_pooling(size):
    torch.manual_seed(0)
    maps = torch.rand(2, 3, size, size + 1, requires_grad=True)
    ours, theirs = AveragePool((7, 7))(maps), torch.nn.AdaptiveAvgPool2d(7)(maps)
    torch.testing.assert_close(ours, theirs)
    weights = torch.rand_like(ours)
    gradients = [torch.autograd.grad((out * weights).sum(), maps)[0] for out in (ours, theirs)]
    torch.testing.assert_close(*gradients)


def test_only_pooling_to_more_than_one_value_is_replaced():
    for name, replaced in (("vgg13", True), ("resnet18", False)):
        model = build_model(name, 1, 2, seed=0).eval()
        images = torch.randint(0, 256, (2, 1, 64, 64), dtype=torch.uint8)
        before = predict(model, images)
        replace_pooling(model)
        assert isinstance(model.network.avgpool, AveragePool) is replaced
        torch.testing.assert_close(predict(model, images), before)
