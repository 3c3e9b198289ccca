"""Images and labels from arrays, tensors, datasets and loaders, all of which give the same."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from idsharp import intrinsic_dimension, label_sharpness, representation_dimension
from idsharp.properties.inputs import inputs_of, labels_of, points_of

IMAGES = np.random.default_rng(0).integers(0, 256, (60, 8, 8), dtype=np.uint8)
LABELS = np.arange(60) % 3


class Items(Dataset):
    """A map-style dataset of whatever `item` makes of an image and its label."""

    def __init__(self, item):
        self.item = item

    def __len__(self):
        return len(IMAGES)

    def __getitem__(self, i):
        if not 0 <= i < len(self):
            raise IndexError(i)
        return self.item(IMAGES[i], LABELS[i])


def unit(image):
    return torch.from_numpy(image).float()[None] / 255


ITEMS = {
    "tuple": lambda image, label: (image, int(label)),
    "ToTensor": lambda image, label: (unit(image), int(label)),
    "label of shape (1,)": lambda image, label: (image, torch.tensor([int(label)])),
    "label of shape ()": lambda image, label: (image, torch.tensor(int(label))),
    "one-hot label": lambda image, label: (image, np.eye(3)[label]),
    "Hugging Face": lambda image, label: {"image": Image.fromarray(image), "label": int(label)},
    "other keys": lambda image, label: {"img": image, "fine_label": label, "coarse_label": 0},
    "words": lambda image, label: (image, "abc"[label]),
}


@pytest.mark.parametrize("item", ITEMS.values(), ids=ITEMS)
def test_datasets_of_any_items_give_what_arrays_give(item):
    expected = label_sharpness(IMAGES, LABELS)
    assert label_sharpness(Items(item)) == expected
    assert intrinsic_dimension(Items(item), 5).value == pytest.approx(
        intrinsic_dimension(IMAGES, 5).value, rel=1e-5
    )


@pytest.mark.parametrize("name", ["tuple", "ToTensor", "label of shape (1,)", "one-hot label"])
def test_loaders_give_what_arrays_give(name):
    loader = DataLoader(Items(ITEMS[name]), batch_size=7)
    assert label_sharpness(loader) == label_sharpness(IMAGES, LABELS)


def test_loaders_of_mappings_measure_images_and_representations():
    item = lambda image, label: {"pixel_values": unit(image), "labels": int(label)}  # noqa: E731
    loader = DataLoader(Items(item), batch_size=7)
    assert label_sharpness(loader) == label_sharpness(IMAGES, LABELS)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 4))
    found = representation_dimension(model, "0", loader, 5, estimator="mle")
    assert found.value == pytest.approx(intrinsic_dimension(IMAGES, 5).value, rel=1e-4)


@pytest.mark.slow
def test_a_hugging_face_dataset():
    datasets = pytest.importorskip("datasets")
    images = [Image.fromarray(image) for image in IMAGES]
    classes = datasets.ClassLabel(names=["a", "b", "c"])
    source = datasets.Dataset.from_dict(
        {"image": images, "label": LABELS.tolist()},
        features=datasets.Features({"image": datasets.Image(), "label": classes}),
    )
    expected = label_sharpness(IMAGES, LABELS)
    for form in (source, source.with_format("torch"), source.with_format("numpy")):
        assert label_sharpness(form) == expected
    assert label_sharpness(DataLoader(source.with_format("torch"), batch_size=7)) == expected
    assert intrinsic_dimension(source, 5) == intrinsic_dimension(IMAGES, 5)


@pytest.mark.parametrize(
    "labels", [LABELS[:, None], torch.from_numpy(LABELS)[:, None], np.eye(3)[LABELS],
               np.eye(3, dtype=bool)[LABELS], LABELS.tolist(), LABELS.astype(str)]
)  # fmt: skip
def test_labels_of_any_shape_with_one_for_each_image(labels):
    assert label_sharpness(IMAGES, labels) == label_sharpness(IMAGES, LABELS)


def test_what_is_no_label_of_one_image_is_refused():
    with pytest.raises(ValueError, match=r"60 images, but labels of shape \(60, 3\); give one"):
        labels_of(np.ones((60, 3)), 60)
    with pytest.raises(ValueError, match=r"labels of shape \(4,\)"):
        labels_of(LABELS[:4], 60)


@pytest.mark.parametrize(
    "missing",
    [np.where(np.arange(60) < 2, np.nan, LABELS), ["a", np.nan] * 2 + ["b"] * 56,
     np.array([None, None, *"ab" * 29], dtype=object), pd.Series([np.nan, None] + ["a", "b"] * 29)],
    ids=["floats", "list of words", "objects", "column"],
)  # fmt: skip
def test_labels_that_are_missing_are_refused(missing):
    with pytest.raises(ValueError, match="2 labels are NaN or None"):
        label_sharpness(IMAGES, missing)


def test_what_holds_no_images_is_refused():
    with pytest.raises(ValueError, match=r"no image among the keys audio, label; expected one of"):
        points_of(Items(lambda image, label: {"audio": image, "label": label}))
    with pytest.raises(ValueError, match="items hold images alone"):
        label_sharpness(Items(lambda image, label: image))
    with pytest.raises(ValueError, match="differ in shape"):
        points_of(Items(lambda image, label: image[: 4 + label]))
    with pytest.raises(ValueError, match="expected n×… numbers"):
        points_of(np.array(["a", "b"]))


def test_inputs_of_a_network_keep_their_type():
    batches = [torch.zeros(2, 3), (torch.ones(2, 3), torch.zeros(2)), {"image": np.ones((2, 3))}]
    found = list(inputs_of(batches))
    assert [batch.shape for batch in found] == [(2, 3)] * 3
    assert found[0] is batches[0]
    assert found[1] is batches[1][0]
