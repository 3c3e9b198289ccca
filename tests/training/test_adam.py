"""Our Adam against torch's."""

import copy

import torch

from idsharp.training.adam import Adam


def test_adam_equals_torch_optim():
    torch.manual_seed(0)
    ours = torch.nn.Linear(5, 3)
    peers = copy.deepcopy(ours)
    step = Adam(list(ours.parameters()), 1e-2, 1e-2)
    peer = torch.optim.Adam(peers.parameters(), lr=1e-2, weight_decay=1e-2)
    for _ in range(20):
        batch = torch.rand(7, 5)
        for model in (ours, peers):
            model(batch).square().sum().backward()
        step.step()
        peer.step()
        peer.zero_grad()
    for a, b in zip(ours.parameters(), peers.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)
