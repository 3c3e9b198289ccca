"""DICOM files: a file, or a folder tree with one subfolder a class."""

from pathlib import Path

import numpy as np
import pandas as pd

from idsharp.common.parallel import map_in_processes
from idsharp.datasets.base import make_index
from idsharp.datasets.errors import DatasetError
from idsharp.datasets.formats.dicom import frames_and_patient, is_dicom, read_dicom
from idsharp.datasets.tree import TreeDataset, label_and_split


class DicomDataset(TreeDataset):
    """Every frame of every DICOM image at `path`; the patient is the header's PatientID.

    Files without a suffix, or with a number for one, count where they carry DICOM's signature.
    Objects that are no images (structured reports, DICOMDIR) are left out.
    """

    kind = "DICOM image"

    def accepts(self, file: Path) -> bool:
        return is_dicom(file)

    def index(self) -> pd.DataFrame:
        rows = []
        files = self.locate()
        headers = map_in_processes(
            frames_and_patient, files, f"{self.name}: reading headers", together=64, few=1000
        )
        for file, (frames, patient) in zip(files, headers, strict=True):
            name = "/".join(self.parts_of(file))
            label, split = label_and_split(self.parts_of(file))
            if not frames:
                self.left_out.add("DICOM objects without pixels", name)
            for frame in range(frames):
                where = name if frames == 1 else f"{name}#{frame}"
                rows.append((where, f"{name}#{frame}", label, patient, split))
        if not rows:
            raise DatasetError(f"dataset {self.name}: {self.path} holds no {self.kind}")
        return make_index(rows)

    def read(self, where: str) -> np.ndarray:
        name, _, frame = where.rpartition("#")
        return read_dicom(self.below(name), int(frame))

    def group(self, where: str) -> str:
        return where.rpartition("#")[0]
