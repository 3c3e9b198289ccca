"""Convolutions of small maps: oneDNN's (torch) against matrix products, one thread.

    python benchmarks/convolutions.py [--batch 40] [--repeats 7]

Times the layers of ResNet-18 at 64×64 pixels and its last layers at 224×224, forward and backward,
and a whole training step, by least processor time. Writes `convolutions.md` beside this file.
"""

import argparse
import time
from pathlib import Path

import torch
from machine import machine
from torch import nn

from idsharp.models import small_maps
from idsharp.models.build import build_model
from idsharp.models.inference import as_input, autocast

PAGE = Path(__file__).with_suffix(".md")
PRECISIONS = ("float32", "bfloat16")
CPU = torch.device("cpu")
# inputs, outputs, stride, pixels a side of the input maps
LAYERS = [
    (64, 64, 1, 16), (128, 128, 1, 8), (128, 256, 2, 8), (256, 256, 1, 4), (256, 512, 2, 4),
    (512, 512, 1, 2), (256, 256, 1, 14), (512, 512, 1, 7),
]  # fmt: skip


def least_ms(step, repeats: int) -> float:
    """Least processor time of a step, in milliseconds; two steps go before."""
    times = []
    for _ in range(repeats + 2):
        started = time.process_time()
        step()
        times.append(time.process_time() - started)
    return 1000 * min(times[2:])


def layer(kind: type, shape: tuple, batch: int, precision: str, repeats: int) -> float:
    """Forward and backward through one layer of this class."""
    inputs, outputs, stride, pixels = shape
    module = kind(inputs, outputs, 3, stride, 1, bias=False).to(memory_format=torch.channels_last)
    maps = torch.randn(batch, inputs, pixels, pixels).to(memory_format=torch.channels_last)
    maps.requires_grad_()

    def step() -> None:
        with autocast(CPU, precision):
            result = module(maps)
        result.backward(torch.ones_like(result))
        module.weight.grad = maps.grad = None

    return least_ms(step, repeats)


def network(ours: bool, pixels: int, batch: int, precision: str, repeats: int) -> float:
    """Forward and backward through ResNet-18, without the optimizer."""
    model = build_model("resnet18", 1, 2, seed=0).to(memory_format=torch.channels_last).train()
    if not ours:
        for module in model.modules():
            if type(module) is small_maps.Conv2d:
                module.__class__ = nn.Conv2d
    images = as_input(torch.randint(0, 256, (batch, 1, pixels, pixels), dtype=torch.uint8))

    def step() -> None:
        with autocast(CPU, precision):
            loss = model(images).square().mean()
        loss.backward()
        model.zero_grad()

    return least_ms(step, repeats)


def row(name: str, used: str, times: list[tuple[float, float]]) -> str:
    cells = [f"{a:.1f} | {b:.1f} | {a / b:.1f}" for a, b in times]
    return f"| {name} | {used} | " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--batch", type=int, default=40, help="images")
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for pixels in (64, 224):
        times = [
            tuple(network(ours, pixels, args.batch, p, args.repeats) for ours in (False, True))
            for p in PRECISIONS
        ]
        rows.append(row(f"ResNet-18, {pixels}×{pixels}", "as the rule says", times))
    rule = small_maps._MOST_PATCHES, small_maps._FEWEST_WEIGHTS
    for shape in LAYERS:
        inputs, outputs, stride, pixels = shape
        patches, weights = args.batch * (pixels // stride) ** 2, 9 * inputs * outputs
        used = "yes" if patches <= rule[0] and weights >= rule[1] else "no"
        # Products everywhere, to see where they would not pay.
        small_maps._MOST_PATCHES, small_maps._FEWEST_WEIGHTS = 10**9, 0
        times = [
            tuple(
                layer(k, shape, args.batch, p, args.repeats) for k in (nn.Conv2d, small_maps.Conv2d)
            )
            for p in PRECISIONS
        ]
        rows.append(row(f"{inputs}→{outputs}, {pixels}×{pixels}, stride {stride}", used, times))
    where = machine()
    PAGE.write_text(
        f"""# Convolutions of small maps

Made by `python benchmarks/convolutions.py` on {where["date"]}: {where["processor"]}, one thread of
{where["cores"]} cores, torch {torch.__version__}, batches of {args.batch}. Least processor time of
{args.repeats} steps, forward and backward, in milliseconds. Layers have 3×3 kernels; "used" says
whether `idsharp.models.small_maps` takes the product for it (at most {rule[0]} patches, at least
{rule[1]} weights).

| | used | float32: oneDNN | product | ratio | bfloat16: oneDNN | product | ratio |
|---|---|--:|--:|--:|--:|--:|--:|
{chr(10).join(rows)}
""",
        encoding="utf-8",
    )
    print(PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
