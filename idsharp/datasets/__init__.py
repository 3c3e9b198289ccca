"""Where images come from: one adapter per family of datasets, all with the same methods.

`missing` lists what is absent, `locate` makes sure that the files are there (downloading them if
possible), `index` lists the images without decoding them, and `read` decodes one image.
"""

from importlib import import_module
from pathlib import Path

from idsharp.datasets.base import Dataset
from idsharp.datasets.errors import DatasetError

#: Module and class of each adapter, imported only where it is used, so that a change to one adapter
#: reruns only the datasets that it reads.
ADAPTERS = {
    "array": ("files.array", "ArrayDataset"),
    "brats": ("collections.brats", "BratsDataset"),
    "brats_msd": ("collections.brats", "BratsMsdDataset"),
    "chexpert": ("collections.chexpert", "CheXpertDataset"),
    "dicom": ("files.dicom", "DicomDataset"),
    "duke_breast": ("collections.duke", "DukeBreastDataset"),
    "embedded": ("collections.demo", "EmbeddedDataset"),
    "folder": ("files.folder", "FolderDataset"),
    "imagenet": ("collections.imagenet", "ImageNetDataset"),
    "medmnist": ("collections.medmnist", "MedmnistDataset"),
    "mura": ("collections.mura", "MuraDataset"),
    "nifti": ("files.nifti", "NiftiDataset"),
    "npz": ("files.npz", "NpzDataset"),
    "oai": ("collections.oai", "OaiDataset"),
    "prostate": ("collections.prostate", "ProstateDataset"),
    "rsna": ("collections.rsna", "RsnaDataset"),
    "table": ("files.table", "TableDataset"),
    "torchvision": ("collections.torchvision", "TorchvisionDataset"),
}

__all__ = ["ADAPTERS", "Dataset", "DatasetError", "adapter_class", "open_dataset"]


def adapter_class(adapter: str) -> type[Dataset]:
    """The class of the adapter with this name. Raises KeyError if there is none."""
    module, name = ADAPTERS[adapter]
    return getattr(import_module(f"idsharp.datasets.{module}"), name)


def open_dataset(name: str, settings: dict, data_dir: str | Path = "data") -> Dataset:
    """The dataset that these settings from config.yaml describe; no file is touched yet.

    Args:
        name: the dataset's name, also that of the folder below `data_dir` that downloads go to.
        settings: `adapter` and its options (`path`, `source`, `url`, …).

    Raises:
        KeyError: there is no such adapter.
    """
    return adapter_class(settings["adapter"])(name, settings, Path(data_dir))
