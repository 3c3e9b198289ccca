"""Where images come from: one adapter a family, all with the same methods.

`missing` says what is not there, `locate` makes sure the files are (downloading them where that is
possible), `index` lists the images without decoding them, `read` decodes one.
"""

from importlib import import_module
from pathlib import Path

from idsharp.datasets.base import Dataset, DatasetError

#: Module and class of each adapter, imported only where it is used: a change of one adapter then
#: reruns the datasets that it reads, and no others.
ADAPTERS = {
    "array": ("array", "ArrayDataset"),
    "brats": ("brats", "BratsDataset"),
    "brats_msd": ("brats", "BratsMsdDataset"),
    "chexpert": ("chexpert", "CheXpertDataset"),
    "dicom": ("dicom", "DicomDataset"),
    "duke_breast": ("duke", "DukeBreastDataset"),
    "embedded": ("embedded", "EmbeddedDataset"),
    "folder": ("folder", "FolderDataset"),
    "imagenet": ("imagenet", "ImageNetDataset"),
    "medmnist": ("medmnist", "MedmnistDataset"),
    "mura": ("mura", "MuraDataset"),
    "nifti": ("nifti", "NiftiDataset"),
    "npz": ("npz", "NpzDataset"),
    "oai": ("oai", "OaiDataset"),
    "prostate": ("prostate", "ProstateDataset"),
    "rsna": ("rsna", "RsnaDataset"),
    "table": ("table", "TableDataset"),
    "torchvision": ("torchvision", "TorchvisionDataset"),
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
