"""A dataset of one's own files, as the tests of readers open it."""

from idsharp.datasets import open_dataset


def dataset(adapter, path, **settings):
    """The dataset `mine` of this adapter at this path."""
    return open_dataset("mine", {"adapter": adapter, "path": str(path)} | settings)
