"""Prostate-MRI-US-Biopsy: slices by the suspicion score of their targets (Natarajan et al. 2020).

The extraction code released by Konz et al. (MICCAI 2022) takes the ultrasound volumes, although the
paper says MRI, and the central half of their slices.
"""

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import pandas as pd

from idsharp.common.progress import TO_STDERR, Reporter
from idsharp.datasets.base import INDEX_COLUMNS
from idsharp.datasets.errors import DatasetError
from idsharp.datasets.formats.dicom_headers import headers, images_of, whole_number
from idsharp.datasets.tcia import MARGIN, Folder, Listed, Sheet, TciaDataset

_COLUMNS = {"us": "seriesInstanceUID_US", "mr": "seriesInstanceUID_MR"}

#: Minimum number of slices in the central half of a series, assumed before it is downloaded.
_CENTRAL = {"us": 60, "mr": 30}

# The papers' classes: scores below 2, and the others.
_CLASSES = [["0", "1"], ["2", "3", "4", "5"]]

_URLS = (
    "https://www.cancerimagingarchive.net/wp-content/uploads/Target-Data_2019-12-05-2.xlsx",
    "https://wiki.cancerimagingarchive.net/download/attachments/68550661/"
    "Target-Data_2019-12-05%20%282%29.xlsx",
)


class ProstateDataset(TciaDataset):
    """Slices of prostate volumes; the label is the UCLA score of the series, "0" to "5".

    `modality` is us (the default, as in the released code) or mr. If several targets share a
    series, it gets the highest of their scores, or, with `targets: each` as in the released code,
    is listed once for each of them. Series are taken in a fixed random order until each of
    `classes` (lists of scores) has enough slices; tasks with other classes need their own dataset.
    """

    collection = "Prostate-MRI-US-Biopsy"
    patient_prefix = "Prostate-MRI-US-Biopsy-"
    layout = """\
Target Data_2019-12-05.xlsx                        (or .csv)
Prostate-MRI-US-Biopsy/Prostate-MRI-US-Biopsy-0001/<study>/<series>/1-001.dcm"""

    def sheets(self) -> tuple[Sheet, ...]:
        return (Sheet("Target Data", ("Patient ID", "UCLA Score", self._uid_column), _URLS),)

    def patients(self) -> list[str]:
        return sorted(set(self.wanted().values()))

    def wanted(self) -> dict[str, str]:
        targets = self._targets
        if self.only_present:
            there = {p.name for tree in self.trees if tree.is_dir() for p in tree.iterdir()}
            chosen = targets[targets["patient"].isin(there)]
        else:
            chosen = targets[targets["uid"].isin(self._enough(targets))]
        return dict(zip(chosen["uid"], chosen["patient"], strict=True))

    def match(self, series: Iterable[Listed]) -> dict[str, Listed]:
        wanted = self.wanted()
        return {one.uid: one for one in series if one.uid in wanted}

    def index(self) -> pd.DataFrame:
        report = TO_STDERR
        found = self.found()
        rows = []
        scores = self._targets.groupby("uid")["score"].agg(list)
        volumes = self._volumes(found, report)
        for uid in sorted(volumes, key=lambda uid: (found[uid].patient, uid)):
            patient = found[uid].patient
            for score in scores[uid]:
                for number, where in central_half(volumes[uid]):
                    name = f"{patient}/{uid}/{number:03d}"
                    if len(scores[uid]) > 1:
                        name += f"/score{score}"
                    rows.append((name, where, score, patient, ""))
        if not rows:
            raise DatasetError(
                f"dataset {self.name}: {self.path} holds none of the series of the table; "
                f"it must look like this:\n{self.layout}"
            )
        return pd.DataFrame(rows, columns=INDEX_COLUMNS, dtype=str)

    def _volumes(self, found: dict[str, Folder], report: Reporter) -> dict[str, list[str]]:
        """The `where` of every slice in order, by series.

        An ultrasound volume is one file with many frames; an MR volume is one file per slice.
        """
        pairs = [(uid, file) for uid, folder in found.items() for file in images_of(folder.path)]
        tags = ["NumberOfFrames", "InstanceNumber"]
        read = headers([file for _, file in pairs], tags, report, f"{self.name}, headers of slices")
        slices: dict[str, list[tuple[int, Path, int]]] = {}
        unreadable = []
        for (uid, file), header in zip(pairs, read, strict=True):
            if header is None:
                unreadable.append(file)
                continue
            place = whole_number(header.get("InstanceNumber")) or 0
            frames = whole_number(header.get("NumberOfFrames")) or 1
            slices.setdefault(uid, []).extend((place, file, frame) for frame in range(frames))
        if unreadable:
            report.note(
                f"{self.name}: {len(unreadable)} files are left out, such as {unreadable[0]}: "
                "their headers cannot be read"
            )
        return {
            uid: [self.where(file, frame) for _, file, frame in sorted(mine)]
            for uid, mine in slices.items()
        }

    def _enough(self, targets: pd.DataFrame) -> set[str]:
        """UIDs of series, taken in a random but fixed order until each class has enough slices."""
        classes = self.settings.get("classes", _CLASSES)
        class_of = {str(score): n for n, scores in enumerate(classes) for score in scores}
        need = MARGIN * self.pool_size / len(classes)
        have = dict.fromkeys(range(len(classes)), 0)
        by_patient = targets.assign(number=targets["score"].map(class_of)).dropna(subset=["number"])
        groups = dict(tuple(by_patient.groupby("patient")))
        taken = set()
        for patient in self.shuffled(groups):
            for uid, mine in groups[patient].groupby("uid", sort=True):
                lacking = {int(n) for n in mine["number"] if have[int(n)] < need}
                if lacking:
                    taken.add(uid)
                for number in lacking:
                    have[number] += _CENTRAL[self._modality]
        return taken

    @property
    def _modality(self) -> str:
        return self.settings.get("modality", "us")

    @property
    def _uid_column(self) -> str:
        return _COLUMNS[self._modality]

    @cached_property
    def _targets(self) -> pd.DataFrame:
        """Series (`uid`), patient and score: one row per series, or, with `targets: each`, one per
        series and score.

        Raises:
            DatasetError: a series belongs to several patients.
        """
        table = self.read_sheet(self.sheets()[0])
        targets = pd.DataFrame(
            {
                "uid": table[self._uid_column],
                "patient": table["Patient ID"],
                "score": table["UCLA Score"].map(whole_number),
            }
        )
        targets = targets[(targets["uid"] != "") & targets["score"].notna()]
        shared = targets.groupby("uid")["patient"].nunique()
        if (shared > 1).any():
            raise DatasetError(
                f"dataset {self.name}: {self.find(self.sheets()[0])} assigns series "
                f"{shared.idxmax()} to several patients"
            )
        targets = targets.astype({"score": int}).sort_values(["uid", "score"])
        if self.settings.get("targets", "highest") == "highest":
            targets = targets.drop_duplicates("uid", keep="last")
        return targets.drop_duplicates().astype({"score": str}).reset_index(drop=True)


def central_half(volume: list[str]) -> list[tuple[int, str]]:
    """Number and name of the slices from n // 4 up to but not including 3n // 4."""
    n = len(volume)
    return [(number, volume[number]) for number in range(n // 4, 3 * n // 4)]
