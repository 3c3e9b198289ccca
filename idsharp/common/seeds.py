"""Seeds derived from names, so that adding a dataset changes no other result."""

import hashlib

import numpy as np


def seed_for(*names: object) -> int:
    """A 63-bit seed that depends only on these names and their order.

    >>> seed_for("cifar10_3v5", "resnet18", 500) == seed_for("cifar10_3v5", "resnet18", 500)
    True
    """
    # Length-prefixed, so that ("ab", "c") and ("a", "bc") differ.
    text = "".join(f"{len(str(name))}:{name}" for name in names)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(*names: object) -> np.random.Generator:
    """A NumPy generator seeded by `seed_for(*names)`."""
    return np.random.default_rng(seed_for(*names))
