"""Images and labels as arrays, whatever holds them: arrays, tensors, datasets or loaders."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch

from idsharp.tasks.images import is_eight_bit

#: Keys under which items of Hugging Face datasets and the like hold an image and its label.
IMAGE_KEYS = ("image", "img", "pixel_values", "images", "input", "inputs", "x")
LABEL_KEYS = ("label", "labels", "fine_label", "target", "targets", "class", "y")


def points_of(x: Any) -> np.ndarray:
    """Points as a contiguous n×… array, uint8 where they are whole numbers from 0 to 255.

    Args:
        x: an array, tensor or nested list; a dataset whose items are images, tuples that begin with
            one, or mappings that hold one (torch, Hugging Face); or a loader of batches of such.

    Raises:
        ValueError: no numbers, fewer than two axes, images of different shape, or no image found.
    """
    if is_collection(x):
        x = images_and_labels(x)[0]
    points = _array(x)
    if points.ndim < 2 or points.dtype.kind not in "uifb":
        raise ValueError(
            f"expected n×… numbers, found shape {points.shape} and type {points.dtype}"
        )
    return np.ascontiguousarray(
        points.astype(np.uint8 if is_eight_bit(points) else np.float64, copy=False)
    )


def labels_of(y: Any, n: int) -> np.ndarray:
    """Class labels of n images, one each.

    Args:
        y: n or n×1 labels of any kind, or n×c rows of zeros with a single 1.

    Raises:
        ValueError: another number of labels, several labels for an image, or NaN.
    """
    labels = _array(y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    elif labels.ndim == 2 and labels.shape[0] == n and _is_one_hot(labels):
        labels = labels.argmax(axis=1)
    if labels.shape != (n,):
        raise ValueError(f"{n} images, but labels of shape {labels.shape}; give one for each image")
    # A list of words makes a word of NaN.
    words = labels.dtype.kind == "U" and isinstance(y, list | tuple)
    missing = pd.isna(np.array(y, dtype=object) if words else labels)
    if missing.any():
        raise ValueError(f"{int(missing.sum())} labels are NaN or None; leave those images out")
    return labels


def images_and_labels(source: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """All images of a dataset or loader, stacked, and their labels if it has any.

    Raises:
        ValueError: no images, images of different shape, or no image found in an item.
    """
    if not is_collection(source):
        raise ValueError(
            "labels are missing: an array of images needs its labels, y; without y give a dataset "
            "or loader of images with labels"
        )
    batched = isinstance(source, torch.utils.data.DataLoader)
    images, labels = [], []
    for item in _items(source):
        image, label = _image_and_label(item)
        images += list(_array(image)) if batched else [_array(image)]
        if label is not None:
            label = _array(label)
            labels += list(label) if batched else [label]
    if not images:
        raise ValueError("the dataset holds no image")
    shapes = sorted({image.shape for image in images})
    if len(shapes) != 1:
        raise ValueError(f"the dataset's images differ in shape, such as {shapes[:2]}")
    if not labels:
        return np.stack(images), None
    return np.stack(images), np.stack([np.asarray(label) for label in labels])


def inputs_of(loader: Iterable) -> Iterator[torch.Tensor]:
    """The inputs of a network, batch by batch, from batches of any kind that `points_of` takes."""
    for batch in loader:
        image, _ = _image_and_label(batch)
        yield image if isinstance(image, torch.Tensor) else torch.as_tensor(_array(image))


def is_collection(x: Any) -> bool:
    """Whether it is a dataset or loader, rather than an array or a list of numbers."""
    # Sparse matrices have the last of these; they are refused later, as no array of numbers.
    if isinstance(x, list | tuple) or hasattr(x, "__array__") or hasattr(x, "toarray"):
        return False
    return hasattr(x, "__len__") and (hasattr(x, "__getitem__") or hasattr(x, "__iter__"))


def _items(source: Any) -> Iterator[Any]:
    # By number where that works: torch's datasets need not end an iteration.
    if hasattr(source, "__getitem__"):
        return (source[i] for i in range(len(source)))
    return iter(source)


def _image_and_label(item: Any) -> tuple[Any, Any]:
    if isinstance(item, Mapping):
        image, label = (
            next((item[key] for key in keys if key in item), None)
            for keys in (IMAGE_KEYS, LABEL_KEYS)
        )
        if image is None:
            raise ValueError(
                f"no image among the keys {', '.join(map(str, item))}; expected one of "
                f"{', '.join(IMAGE_KEYS)}"
            )
        return image, label
    if isinstance(item, tuple | list):
        return item[0], item[1] if len(item) > 1 else None
    return item, None


def _array(x: Any) -> np.ndarray:
    if isinstance(x, torch.Tensor):
        x = x.detach().cpu()
        x = (x.float() if x.dtype == torch.bfloat16 else x).numpy()
    return np.asarray(x)


def _is_one_hot(labels: np.ndarray) -> bool:
    if labels.dtype.kind not in "uifb":
        return False
    return bool(np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all())
