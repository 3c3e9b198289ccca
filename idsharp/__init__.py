"""Intrinsic dimension and label sharpness of image datasets, and what follows from them."""

from importlib import import_module

from idsharp.version import __version__

_API = (
    "IntrinsicDimension",
    "intrinsic_dimension",
    "label_sharpness",
    "representation_dimension",
)
__all__ = ["__version__", *_API]


def __getattr__(name: str):
    # Only now, since they import torch, which takes seconds.
    if name in _API:
        return getattr(import_module("idsharp.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_API])
