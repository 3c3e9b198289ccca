"""The images of an SVHN .mat file as an .npz for the adapter `array`, whatever their number.

The adapter `torchvision` takes the complete official files alone.
"""

import argparse

import numpy as np

from idsharp.datasets.official_formats import read_svhn
from idsharp.records import atomic_path


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
