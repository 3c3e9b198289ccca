"""Where images come from: one adapter a family, all with the same three methods.

`locate` makes sure the files are there (downloading them where that is possible), `index` lists
the images without decoding them, `read` decodes one.
"""

from pathlib import Path

from idsharp.datasets.array import ArrayDataset
from idsharp.datasets.base import Dataset, DatasetError
from idsharp.datasets.brats import BratsDataset, BratsMsdDataset
from idsharp.datasets.chexpert import CheXpertDataset
from idsharp.datasets.dicom import DicomDataset
from idsharp.datasets.duke import DukeBreastDataset
from idsharp.datasets.embedded import EmbeddedDataset
from idsharp.datasets.folder import FolderDataset
from idsharp.datasets.imagenet import ImageNetDataset
from idsharp.datasets.medmnist import MedmnistDataset
from idsharp.datasets.mura import MuraDataset
from idsharp.datasets.nifti import NiftiDataset
from idsharp.datasets.npz import NpzDataset
from idsharp.datasets.oai import OaiDataset
from idsharp.datasets.prostate import ProstateDataset
from idsharp.datasets.rsna import RsnaDataset
from idsharp.datasets.table import TableDataset
from idsharp.datasets.torchvision import TorchvisionDataset

ADAPTERS: dict[str, type[Dataset]] = {
    "array": ArrayDataset,
    "brats": BratsDataset,
    "brats_msd": BratsMsdDataset,
    "chexpert": CheXpertDataset,
    "dicom": DicomDataset,
    "duke_breast": DukeBreastDataset,
    "embedded": EmbeddedDataset,
    "folder": FolderDataset,
    "imagenet": ImageNetDataset,
    "medmnist": MedmnistDataset,
    "mura": MuraDataset,
    "nifti": NiftiDataset,
    "npz": NpzDataset,
    "oai": OaiDataset,
    "prostate": ProstateDataset,
    "rsna": RsnaDataset,
    "table": TableDataset,
    "torchvision": TorchvisionDataset,
}

__all__ = ["ADAPTERS", "Dataset", "DatasetError", "open_dataset"]


def open_dataset(name: str, settings: dict, data_dir: str | Path = "data") -> Dataset:
    """The dataset that these settings of config.yaml describe.

    Args:
        name: names the folder below `data_dir` that downloads go to.
        settings: `adapter` and its options (`path`, `source`, `url`, …).
    """
    return ADAPTERS[settings["adapter"]](name, settings, Path(data_dir))
