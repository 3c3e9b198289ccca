"""MedMNIST+: open collections of medical images in a common format (Yang et al., Sci Data 2023)."""

from functools import cached_property
from pathlib import Path

from idsharp.common.resources import medmnist_files
from idsharp.datasets.errors import DatasetError
from idsharp.datasets.files.npz import NpzDataset
from idsharp.datasets.remote import RemoteFile

SIZES = (28, 64, 128, 224)


class MedmnistDataset(NpzDataset):
    """One of MedMNIST's collections, in the size that suits the study; Zenodo record 10519652.

    `source` is one of those in resources/medmnist.tsv: pneumoniamnist, chestmnist, breastmnist,
    octmnist, organamnist, organcmnist, organsmnist. `size` is one of SIZES; by default, the
    smallest that is not below the study's `image_size`. `path` may be the .npz file or the folder
    that contains it. Labels are MedMNIST's class names. ChestMNIST's images have several findings
    each, in columns of their own (effusion, edema, …): see NpzDataset.

    There are no patient ids, so a split of our own cannot keep patients apart. The official split
    does in ChestMNIST (NIH's list of test patients) and in OrganA/C/SMNIST (different CT scans). In
    PneumoniaMNIST and OCTMNIST it is that of the source (Kermany et al., Cell 2018; on leakage in
    its OCT images see Tampu et al., Sci Data 2022); in BreastMNIST it is random.
    """

    downloads = True

    @property
    def size(self) -> int:
        """Side length of the images in pixels.

        Raises:
            DatasetError: it is not one of SIZES.
        """
        chosen = self.settings.get("size")
        if chosen is None:
            wanted = self.settings.get("image_size", SIZES[-1])
            chosen = next((size for size in SIZES if size >= wanted), SIZES[-1])
        if chosen not in SIZES:
            raise DatasetError(
                f"dataset {self.name}: size is {chosen}; MedMNIST offers "
                + ", ".join(map(str, SIZES))
            )
        return chosen

    @property
    def remote_files(self) -> list[RemoteFile]:
        facts = self._facts
        size = int(facts["bytes"]) if facts["bytes"] else None
        return [RemoteFile(facts["file"], facts["url"], f"md5:{facts['md5']}", size)]

    @property
    def columns(self) -> list[str] | None:
        facts = self._facts
        return facts["labels"].split("|") if facts["task"] == "multi-label" else None

    @cached_property
    def classes(self) -> list[str] | None:
        return None if self.columns else self._facts["labels"].split("|")

    def place(self, remote: RemoteFile) -> Path:
        return self.path if self.path.suffix == ".npz" else self.path / remote.name

    @cached_property
    def _facts(self) -> dict[str, str]:
        rows = medmnist_files()
        source = self.settings["source"]
        names = sorted({row["source"] for row in rows})
        if source not in names:
            raise DatasetError(
                f"dataset {self.name}: source is {source!r}; choose one of {', '.join(names)}"
            )
        size = str(self.size)
        return next(row for row in rows if row["source"] == source and row["size"] == size)
