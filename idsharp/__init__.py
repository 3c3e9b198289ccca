"""Intrinsic dimension and label sharpness of image datasets, and what follows from them."""

__version__ = "0.1.0"
