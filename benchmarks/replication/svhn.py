"""Convert any number of SVHN's images from the official .mat layout to an .npz of arrays.

The adapter `torchvision` accepts nothing but the complete official files.
"""

import argparse

import numpy as np

from idsharp.common.records import atomic_path
from idsharp.datasets.formats.mnist_cifar_svhn import read_svhn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mat", help="a file in the layout of train_32x32.mat")
    parser.add_argument("npz", help="the file to write")
    args = parser.parse_args()
    images, labels = read_svhn(args.mat)
    with atomic_path(args.npz) as temporary, open(temporary, "wb") as file:
        np.savez(file, images=images, labels=labels)


if __name__ == "__main__":
    main()
