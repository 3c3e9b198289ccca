"""Anyone's own images: which adapter reads a path, and which of its images are meant."""

from pathlib import Path

import pandas as pd

from idsharp.datasets import Dataset, DatasetError, open_dataset
from idsharp.datasets.errors import FormatError
from idsharp.datasets.formats.arrays import member_names, open_npz
from idsharp.datasets.formats.dicom import is_dicom
from idsharp.datasets.formats.nifti import is_nifti
from idsharp.datasets.formats.pictures import IMAGE_SUFFIXES
from idsharp.datasets.tree import SPLITS, files_below

#: Formats of `open_path`, in the words of the command line.
FORMATS = ("folder", "npz", "npy", "csv", "dicom", "nifti")

_EXPECTED = (
    "expected a folder of images (PNG, JPEG, TIFF, DICOM or NIfTI, in class subfolders or flat), "
    "an .npz, .npy or .csv file, a DICOM file or a NIfTI volume"
)


def open_path(path: str | Path, kind: str | None = None, **settings) -> tuple[str, Dataset]:
    """The kind of data at a path, one of FORMATS, and the dataset.

    Args:
        kind: one of FORMATS; None finds out.
        settings: of the adapter: labels, channel, central, allow_outside.

    Raises:
        DatasetError: nothing there, nothing readable, or several kinds of files.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise DatasetError(f"there is nothing at {path}")
    kind = kind or _kind_of(path)
    used = {"labels": ("npy",), "channel": ("nifti",), "central": ("nifti",)}
    for name, kinds in used.items():
        if name in settings and kind not in kinds:
            raise DatasetError(f"--{name} is for {' and '.join(kinds)} data; {path} is {kind} data")
    settings = {"path": str(path)} | settings
    adapter = {"npy": "array", "csv": "table"}.get(kind, kind)
    if kind == "npz" and not _in_medmnist_layout(path):
        adapter = "array"
    if kind == "folder" and _is_flat(path):
        settings["classes"] = False
    return kind, open_dataset(path.name, {"adapter": adapter} | settings)


def list_images(dataset: Dataset, classes: list[str] | None, ignore_labels: bool) -> pd.DataFrame:
    """The index of a dataset, of these classes alone where they are given.

    Where the only folders are named after splits, they are no classes. Labels are empty, for all
    images, where there are no classes.

    Raises:
        DatasetError: no image, a class that does not occur, or images without a label among others.
    """
    index = dataset.index()
    if index.empty:
        raise DatasetError(f"{dataset.name} holds no image")
    labels = index["label"]
    if (index["split"] == "").all() and labels.str.lower().isin(SPLITS).all():
        index["split"] = labels.str.lower().map(SPLITS)
        index["label"] = ""
    if ignore_labels:
        index["label"] = ""
    blank = index["label"] == ""
    if blank.any() and not blank.all():
        raise DatasetError(
            f"{int(blank.sum())} of {len(index)} images have no label, such as "
            f"{index['id'][blank].iloc[0]}; label them, or measure without labels (--no-labels)"
        )
    if classes is None:
        return index
    found = sorted(set(index["label"]))
    absent = [name for name in classes if name not in found]
    if absent:
        shown = ", ".join(found[:20]) + (", …" if len(found) > 20 else "")
        raise DatasetError(f"no image is labelled {', '.join(absent)}; labels found: {shown}")
    return index[index["label"].isin(classes)].reset_index(drop=True)


def _kind_of(path: Path) -> str:
    if path.is_dir():
        return _kind_of_folder(path)
    suffix = path.suffix.lower()
    if suffix in (".npz", ".npy", ".csv"):
        return suffix[1:]
    if is_nifti(path):
        return "nifti"
    if is_dicom(path):
        return "dicom"
    if suffix in IMAGE_SUFFIXES:
        raise DatasetError(f"{path} is one image; name the folder that holds the images")
    raise DatasetError(f"{path} is of no known kind; {_EXPECTED}")


def _kind_of_folder(path: Path) -> str:
    counts = dict.fromkeys(("folder", "nifti", "dicom"), 0)
    for file in files_below(path):
        if file.suffix.lower() in IMAGE_SUFFIXES:
            counts["folder"] += 1
        elif is_nifti(file):
            counts["nifti"] += 1
        elif is_dicom(file):
            counts["dicom"] += 1
    kinds = [kind for kind, count in counts.items() if count]
    if not kinds:
        raise DatasetError(f"{path} holds no image; {_EXPECTED}")
    if len(kinds) > 1:
        words = {"folder": "PNG, JPEG or TIFF", "nifti": "NIfTI", "dicom": "DICOM"}
        found = ", ".join(f"{counts[kind]} {words[kind]}" for kind in kinds)
        raise DatasetError(f"{path} holds several kinds of files ({found}); choose with --format")
    return kinds[0]


def _in_medmnist_layout(path: Path) -> bool:
    try:
        with open_npz(path) as stored:
            return any(name.endswith("_images") for name in member_names(stored))
    except FormatError:
        # Opening it properly says what is wrong.
        return False


def _is_flat(path: Path) -> bool:
    """Whether no image lies in a subfolder."""
    files = [f for f in files_below(path) if f.suffix.lower() in IMAGE_SUFFIXES]
    return bool(files) and all(file.parent == path for file in files)
