"""Where images come from: one adapter a family, all with the same methods.

`missing` says what is not there, `locate` makes sure the files are (downloading them where that is
possible), `index` lists the images without decoding them, `read` decodes one.
"""

from importlib import import_module
from pathlib import Path

from idsharp.datasets.base import Dataset
from idsharp.datasets.errors import DatasetError

#: Module and class of each adapter, imported only where it is used: a change of one adapter then
#: reruns the datasets that it reads, and no others.
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
    """The class of an adapter of this name."""
    module, name = ADAPTERS[adapter]
    return getattr(import_module(f"idsharp.datasets.{module}"), name)


def open_dataset(name: str, settings: dict, data_dir: str | Path = "data") -> Dataset:
    """The dataset that these settings of config.yaml describe.

    Args:
        name: names the folder below `data_dir` that downloads go to.
        settings: `adapter` and its options (`path`, `source`, `url`, …).
    """
    return adapter_class(settings["adapter"])(name, settings, Path(data_dir))
