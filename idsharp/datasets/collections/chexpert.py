"""CheXpert, chest X-rays (Irvin et al., AAAI 2019, arXiv 1901.07031)."""

import pandas as pd

from idsharp.datasets.errors import DatasetError
from idsharp.datasets.label_table import StanfordDataset

#: The 14 findings, each a column of the index.
FINDINGS = [
    "No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion",
    "Edema", "Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion",
    "Pleural Other", "Fracture", "Support Devices",
]  # fmt: skip

# Values in the tables: not mentioned, absent, uncertain, present.
_VALUES = {"": "blank", "0.0": "0", "0": "0", "-1.0": "-1", "-1": "-1", "1.0": "1", "1": "1"}

# The full-size images as distributed since 2021: the tables and the validation images in one
# folder, the training patients in three others.
_BATCHES = "CheXpert-v1.0 batch *"


class CheXpertDataset(StanfordDataset):
    """Images of CheXpert-v1.0 or CheXpert-v1.0-small; the label is Pleural Effusion.

    Every finding has a column of its own, with values blank (not mentioned), 0 (absent), −1
    (uncertain) and 1 (present); another column is the view, frontal or lateral.

    As in the papers, the validation images are left out unless `with_valid` is true: radiologists
    labeled them, without blank and −1, so that they would add to one class only.
    """

    table = "train.csv"
    valid_table = "valid.csv"
    pattern = r"(?P<patient>patient\d+)/study\d+/[^/]+"
    example = "CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg"
    layout = (
        "  train.csv   (and valid.csv for with_valid: true)\n"
        "  train/patient00001/study1/view1_frontal.jpg …\n"
        "or hold a folder CheXpert-v1.0 or CheXpert-v1.0-small that does, or the folders that the\n"
        "batches of full size unpack to:\n"
        "  CheXpert-v1.0 batch 1 (validate & csv)/train.csv …\n"
        "  CheXpert-v1.0 batch 2 (train 1)/patient00001/study1/view1_frontal.jpg …"
    )

    def index(self) -> pd.DataFrame:
        rows = self.rows(["Path", "Frontal/Lateral", *FINDINGS], header=True)
        index = rows[["id", "where", "patient", "split"]].copy()
        for finding in FINDINGS:
            index[finding] = self._values(rows[finding])
        index["label"] = index["Pleural Effusion"]
        index["view"] = rows["Frontal/Lateral"].str.lower()
        there = index["where"] != ""
        if not there.all():
            self.note(f"{(~there).sum()} of {len(there)} images left out: no patient folder")
        return self.check(index[there].reset_index(drop=True))

    def has_images(self, part: str) -> bool:
        return super().has_images(part) or (part == "train" and bool(self._batches))

    def where(self, parts: pd.DataFrame) -> pd.Series:
        if super().has_images("train"):
            return super().where(parts)
        folders = {
            patient.name: f"{self.prefix(batch)}{patient.name}"
            for batch in self._batches
            for patient in batch.iterdir()
        }
        # The rest of the id after the patient is a path within the patient's folder.
        train = parts["patient"].map(folders) + parts["id"].str.replace(
            r"^train/patient\d+", "", regex=True
        )
        return train.fillna("").where(parts["part"] == "train", super().where(parts))

    @property
    def _batches(self) -> list:
        return sorted(folder for folder in self.path.glob(_BATCHES) if folder != self.home)

    def _values(self, cells: pd.Series) -> pd.Series:
        unknown = sorted(set(cells.unique()) - set(_VALUES))
        if unknown:
            raise DatasetError(
                f"dataset {self.name}: {cells.name} is {unknown[0]!r} in {self.home}; expected "
                "1.0, 0.0, -1.0 or an empty cell"
            )
        return cells.map(_VALUES)
