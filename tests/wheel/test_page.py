"""docs/measure.md from top to bottom, with each extra alone."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT
from tests.datasets.miniatures.dicom import write_dicom
from tests.datasets.miniatures.nifti import write_nifti
from tests.wheel.environments import execute
from tests.wheel.page import GIVEN

pytestmark = pytest.mark.nightly
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
    "optional-dependencies"
]
#: What brings the packages of others, too.
BRINGS = {"pipeline": {"pipeline", "medical", "figures", "approximate"}}
SUFFIXES = ("png", "jpg", "tif", "webp", "bmp", "gif")
HUGGING_FACE = """
import datasets
from idsharp import intrinsic_dimension
pictures = datasets.Dataset.from_dict(
    {"image": list(images[:, 0]), "label": labels.tolist()}, datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=["a", "b"])}))
assert intrinsic_dimension(pictures).value == intrinsic_dimension(images).value
"""


def needed(what: str) -> set[str]:
    """The extras that a step of the page needs."""
    drawn = "--figures" in what or "--report" in what
    scans = "scans" in what or "volumes" in what
    return {name for name, need in (("figures", drawn), ("medical", scans)) if need}


@pytest.mark.parametrize("extra", [None, *(name for name in EXTRAS if name != "test")])
def test_the_page_runs_with_each_extra_or_names_the_one_that_lacks(installed, data, extra):
    environment = installed(*filter(None, [extra]))
    printed = execute(
        environment,
        "python",
        ROOT / "tests" / "wheel" / "page.py",
        ROOT / "docs" / "measure.md",
        data,
    )
    steps = json.loads(printed.splitlines()[-1])
    assert len(steps) > 25
    there = BRINGS.get(extra, {extra})
    wrong = []
    for what, fault in steps:
        absent = needed(what) - there
        named = any(f"pip install 'idsharp[{name}]'" in (fault or "") for name in absent)
        if not named if absent else fault:
            wrong.append(f"{what}\n{fault}")
    assert not wrong, "\n\n".join(wrong)


def test_the_extra_huggingface_brings_all_that_such_datasets_need(installed):
    execute(installed("huggingface"), "python", "-c", GIVEN + HUGGING_FACE)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Every kind of data that the page names."""
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    images = rng.integers(0, 256, (48, 16, 16), dtype=np.uint8)
    labels = np.arange(48) % 2
    rows = ["path,label,patient"]
    for n, (image, label) in enumerate(zip(images, labels, strict=True)):
        name = f"{'ab'[label]}/{n}.{SUFFIXES[n // 2 % len(SUFFIXES)]}"
        save(folder / "pictures" / name, image)
        rows.append(f"pictures/{name},{'ab'[label]},{n // 4}")
        write_dicom(folder / "scans" / "ab"[label] / f"{n}.dcm", image.astype(np.uint16) * 16)
        for place in ("Training", "Testing"):
            kind = ("glioma", "meningioma", "notumor", "pituitary")[n % 4]
            shade = np.kron(image, np.ones((14, 14), np.uint8))
            save(folder / "brain_tumor_mri" / place / kind / f"{place}{n}.jpg", shade)
    write_dicom(folder / "scans.dcm", images)
    for label in "ab":
        volume = rng.integers(0, 2000, (16, 16, 24)).astype(np.int16)
        write_nifti(folder / "volumes" / label / "0.nii.gz", volume)
    (folder / "list.csv").write_text("\n".join(rows))
    np.save(folder / "images.npy", images)
    np.save(folder / "labels.npy", labels)
    np.savez(folder / "images.npz", images=images, labels=labels)
    np.savez(folder / "medmnist.npz", train_images=images, train_labels=labels[:, None])
    return folder


def save(file: Path, image: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(file)
