"""RSNA intracranial hemorrhage detection, head CT (Flanders et al., Radiology: AI 2020)."""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from idsharp.common.progress import TO_STDERR
from idsharp.common.seeds import seed_for
from idsharp.datasets.errors import DatasetError
from idsharp.datasets.formats.dicom import read_dicom
from idsharp.datasets.formats.dicom_headers import headers
from idsharp.datasets.formats.spreadsheets import read_table
from idsharp.datasets.label_table import TabledDataset

#: The labels of an image; each becomes a column of the index.
KINDS = [
    "any", "epidural", "intraparenchymal", "intraventricular", "subarachnoid", "subdural",
]  # fmt: skip

#: Candidates per class: enough for the papers' 7500 images, half of them from each class.
CANDIDATES = 10_000

# Lower values are not tissue but the corners outside the scanner's circle, often −2000 or less,
# which would take up most of the 8-bit range.
_AIR = -1024  # Hounsfield units


class RsnaDataset(TabledDataset):
    """Slices of stage_2_train; the label is `any`, and every kind of hemorrhage is a column.

    Patient ids are found only in the 752 803 headers, too many to read all of them. The index
    therefore lists candidates: for each class of each column, the first `candidates` (default
    10 000) images in a random order that depends only on their names. A column is empty for images
    that are not among its candidates, so that tasks draw from a uniform sample of each class.

    Repeated identical rows count once; images with contradictory or incomplete rows are left out.
    ID_6431af929.dcm, whose pixel data are truncated, is unreadable if it is drawn.
    """

    table = "stage_2_train.csv"
    layout = (
        "  stage_2_train.csv\n"
        "  stage_2_train/ID_000012eaf.dcm …\n"
        "or hold a folder rsna-intracranial-hemorrhage-detection that does, as the archive unpacks"
    )

    def missing(self) -> list[str]:
        lines = super().missing()
        if not lines and not self._folder.is_dir():
            lines = [f"there is no {self._folder.name}/ in {self.home}"]
        return lines

    def index(self) -> pd.DataFrame:
        self.require()
        candidates = self._candidates(self._there(self._labels()))
        files = [self._folder / f"{name}.dcm" for name in candidates.index]
        below = self._folder.relative_to(self.path).as_posix()
        index = candidates.reset_index(names="id")
        index["where"] = [f"{below}/{file.name}" for file in files]
        index["label"] = index["any"]
        index["patient"] = self._patients(files)
        index["split"] = ""
        return self.check(index)

    def read(self, where: str) -> np.ndarray:
        return np.maximum(read_dicom(self.file_of(where)), _AIR)

    @property
    def _folder(self) -> Path:
        return self.home / "stage_2_train"

    def _labels(self) -> pd.DataFrame:
        """0 or 1 for each image (rows, sorted by name) and kind (columns).

        Raises:
            DatasetError: a row has an unknown kind, or a label other than 0 or 1.
        """
        table = read_table(self.tables()[0], ["ID", "Label"], dataset=self.name, only=True)
        split = [cell.rpartition("_") for cell in table["ID"]]
        images, names = pd.factorize(np.array([image for image, _, _ in split], dtype=object))
        numbers = {kind: number for number, kind in enumerate(KINDS)}
        kinds = np.array([numbers.get(kind, -1) for _, _, kind in split])
        values = table["Label"].map({"0": 0, "1": 1}).fillna(-1).to_numpy(int)
        strange = np.flatnonzero((kinds < 0) | (values < 0))
        if len(strange):
            row = table.iloc[strange[0]]
            raise DatasetError(
                f"dataset {self.name}: {self.tables()[0]}, line {strange[0] + 2}: ID "
                f"{row['ID']!r}, Label {row['Label']!r}; expected an ID such as "
                f"ID_000012eaf_epidural, ending in one of {', '.join(KINDS)}, and 0 or 1"
            )
        # Per image and kind: whether any row says 0, and whether any says 1.
        said = np.zeros((len(names), len(KINDS), 2), bool)
        said[images, kinds, values] = True
        clear = (said.sum(axis=2) == 1).all(axis=1)
        if not clear.all():
            first = ", ".join(names[~clear][:3])
            self.note(
                f"{(~clear).sum()} images left out because their rows contradict each other or "
                f"lack a kind, such as {first}"
            )
        labels = pd.DataFrame(said[clear, :, 1].astype(np.int8), names[clear], KINDS)
        return labels.sort_index()

    def _there(self, labels: pd.DataFrame) -> pd.DataFrame:
        """The rows of the images that are in the folder."""
        names = pd.Index([name.removesuffix(".dcm") for name in os.listdir(self._folder)])
        there = labels.index.isin(names)
        if not there.all():
            self.note(
                f"{(~there).sum()} of {len(labels)} images left out: {self.table} lists them, but "
                f"they are not in {self._folder}"
            )
        return labels[there]

    def _candidates(self, labels: pd.DataFrame) -> pd.DataFrame:
        """Labels as text, empty if an image is not among the first of its class."""
        count = self.settings.get("candidates", CANDIDATES)
        order = np.argsort([seed_for("rsna candidates", name) for name in labels.index])
        chosen = pd.DataFrame("", labels.index, KINDS, dtype=object)
        for column, kind in enumerate(KINDS):
            values = labels[kind].to_numpy()[order]
            for value in (0, 1):
                chosen.iloc[order[values == value][:count], column] = str(value)
        return chosen[(chosen != "").any(axis=1)]

    def _patients(self, files: list[Path]) -> list[str]:
        """PatientID from each header, "" if unreadable: reading the pixels later reports why."""
        found = headers(files, ["PatientID"], TO_STDERR, f"{self.name}: reading headers")
        return [(header or {}).get("PatientID", "") for header in found]
