"""Time and memory of the neighbors of activations that do not fit in memory.

    python benchmarks/layers.py [--n 1750] [--width 802816] [--device cpu]

802 816 values an image is the widest layer of the papers' networks at 224×224 (VGG's first stage,
64×112×112, and DenseNet's first block, 256×56×56), 1750 their largest training set. The points lie
on a random surface of 12 dimensions, with noise. Peak memory is that of the whole process, less
what it held before (Python, torch).
"""

import argparse
import resource
import tempfile
import time

import numpy as np
import torch

from idsharp.properties.dimension import mle
from idsharp.properties.neighbors.out_of_core import nearest_by_columns
from idsharp.representations.point_file import PointFile


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=1750, help="images")
    parser.add_argument("--width", type=int, default=802_816, help="values an image")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()

    # What torch takes for its first product is no part of it.
    _ = torch.ones(600, 600) @ torch.ones(600, 600)
    before = peak()
    rng = np.random.default_rng(0)
    surface = rng.standard_normal((12, args.width), dtype=np.float32)
    with tempfile.TemporaryFile() as file:
        points, started = PointFile(file, args.n, args.width), time.perf_counter()
        for _ in range(args.n):
            place = rng.uniform(-1, 1, (1, 12)).astype(np.float32)
            noise = 1e-3 * rng.random((1, args.width), dtype=np.float32)
            points.append(np.sin(place) @ surface + noise)
        written = time.perf_counter()
        found = nearest_by_columns(points.parts, args.n, args.width, 40, device=args.device)
        ended = time.perf_counter()
    print(f"n = {args.n}, {args.width} values: {4e-9 * args.n * args.width:.2f} GB as float32")
    print(f"made and written: {written - started:.1f} s")
    print(f"40 neighbors on {args.device}: {ended - written:.1f} s")
    print(f"peak memory beyond the start: {(peak() - before) / 1e6:.0f} MB")
    print(f"dimension (MLE): {mle(found.distances, 20).value:.2f}")


def peak() -> int:
    """Bytes."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
