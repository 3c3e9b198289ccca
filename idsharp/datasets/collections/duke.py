"""Duke-Breast-Cancer-MRI: slices with and without a tumor (Saha et al. 2018, 2021).

The extraction code released by Konz et al. (MICCAI 2022) numbers slices as the table of file paths
does, and counts a slice as positive if Start Slice <= number < End Slice.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property

import numpy as np
import pandas as pd

from idsharp.common.progress import TO_STDERR, Reporter
from idsharp.common.records import write_csv
from idsharp.datasets.base import INDEX_COLUMNS
from idsharp.datasets.errors import DatasetError
from idsharp.datasets.formats.dicom_headers import headers, images_of, whole_number
from idsharp.datasets.formats.spreadsheets import read_table
from idsharp.datasets.tcia import MARGIN, Listed, Sheet, TciaDataset

#: Slices at least this far from the annotated ones are empty; nearer ones are left out.
FAR = 5

_PAGES = (
    "https://www.cancerimagingarchive.net/wp-content/uploads",
    "https://wiki.cancerimagingarchive.net/download/attachments/70226903",
)
_BOXES = Sheet(
    "Annotation_Boxes",
    ("Patient ID", "Start Slice", "End Slice"),
    tuple(f"{page}/Annotation_Boxes.xlsx" for page in _PAGES),
)
_FILES = Sheet(
    "Breast-Cancer-MRI-filepath_filename-mapping",
    ("original_path_and_filename", "classic_path", "sop_instance_UID"),
    tuple(f"{page}/Breast-Cancer-MRI-filepath_filename-mapping.xlsx" for page in _PAGES),
    otherwise="without it, slices: instance numbers the slices by their InstanceNumber",
)
# A cache of the needed part of the table of file paths, since reading all of it takes minutes.
_EXCERPT = "pre_slices.csv"
_EXCERPT_COLUMNS = ["patient", "slice", "sop_instance_uid", "series_instance_uid"]

_NUMBER = re.compile(r"_(\d+)\.dcm$")

# Dynamic series are named after their phase, except for the first, acquired before the contrast:
# "ax dyn pre", "ax 3d dyn", "Ax Vibrant MultiPhase", but later "Ph2/ax 3d dyn", "ax dyn 1st pass".
_DYNAMIC = re.compile(r"dyn|vibrant|3d pre", re.IGNORECASE)
_AFTER_CONTRAST = re.compile(
    r"\bph\d|\bpass?\b|\b(1st|2nd|3rd|4th)\b|_(2nd|3rd|4th) ", re.IGNORECASE
)


class DukeBreastDataset(TciaDataset):
    """Fat-saturated pre-contrast slices of 922 patients; the label is "tumor" or "empty".

    Slices are numbered by the table of file paths, whatever the files are called, or, with
    `slices: instance` or without the table, by InstanceNumber within the series whose description
    is that of the first phase. Patients are taken in a fixed random order until they have enough
    slices with a tumor.
    """

    collection = "Duke-Breast-Cancer-MRI"
    patient_prefix = "Breast_MRI_"
    layout = """\
Annotation_Boxes.xlsx                              (or .csv)
Breast-Cancer-MRI-filepath_filename-mapping.xlsx   (or .csv)
Duke-Breast-Cancer-MRI/Breast_MRI_001/<study>/<series>/1-001.dcm"""

    def sheets(self) -> tuple[Sheet, ...]:
        return (_BOXES, _FILES) if self.by_table else (_BOXES,)

    @property
    def by_table(self) -> bool:
        """Whether slices are numbered by the table of file paths instead of by InstanceNumber."""
        asked = self.settings.get("slices")
        if asked is None:
            return self.downloads or self.find(_FILES) is not None
        return asked == "table"

    def patients(self) -> list[str]:
        boxes = self._boxes
        if self.only_present:
            there = {p.name for tree in self.trees if tree.is_dir() for p in tree.iterdir()}
            return sorted(there & set(boxes.index))
        order = self.shuffled(boxes.index)
        positive = (boxes["end"] - boxes["start"]).reindex(order).cumsum()
        enough = int(np.searchsorted(positive.to_numpy(), MARGIN * self.pool_size / 2))
        return order[: enough + 1]

    def wanted(self) -> dict[str, str]:
        if not self.by_table:
            return {patient: patient for patient in self.patients()}
        slices = self._slices
        pairs = slices[["series_instance_uid", "patient"]].drop_duplicates()
        return dict(pairs.itertuples(index=False, name=None))

    def match(self, series: Iterable[Listed]) -> dict[str, Listed]:
        if self.by_table:
            uids = self.wanted()
            return {one.uid: one for one in series if one.uid in uids}
        first: dict[str, Listed] = {}
        for one in series:
            known = first.get(one.patient)
            if is_before_contrast(one.description) and (known is None or one.number < known.number):
                first[one.patient] = one
        return first

    def index(self) -> pd.DataFrame:
        report = TO_STDERR
        rows = []
        notes: list[str] = []
        slices = self._numbered(report, notes)
        for patient, mine in slices.groupby("patient", sort=True):
            if mine["slice"].duplicated().any():
                twice = mine[mine["slice"].duplicated(keep=False)]["where"]
                notes.append(
                    f"{patient} is left out: {twice.iloc[0]} and {twice.iloc[1]} are the same slice"
                )
                continue
            start, end = self._boxes.loc[patient, ["start", "end"]]
            for number, where in sorted(zip(mine["slice"], mine["where"], strict=True)):
                label = label_of(number, start, end)
                if label:
                    rows.append((f"{patient}/{number:03d}", where, label, patient, "", str(number)))
        for note in notes:
            report.note(f"{self.name}: {note}")
        if not rows:
            raise DatasetError(
                f"dataset {self.name}: no image in {self.path} is listed in the tables; "
                f"it must look like this:\n{self.layout}"
            )
        return pd.DataFrame(rows, columns=[*INDEX_COLUMNS, "slice"], dtype=str)

    def _numbered(self, report: Reporter, notes: list[str]) -> pd.DataFrame:
        """Patient, slice number and `where` of every image; irregularities are added to `notes`."""
        found = self.found()
        pairs = [(f.patient, file) for f in found.values() for file in images_of(f.path)]
        tags = ["SOPInstanceUID", "InstanceNumber"]
        what = f"{self.name}, headers of slices"
        read = headers([file for _, file in pairs], tags, report, what)
        numbers = self._numbers if self.by_table else {}
        rows = []
        for (patient, file), header in zip(pairs, read, strict=True):
            tagged = header or {}
            instance = whole_number(tagged.get("InstanceNumber"))
            uid = tagged.get("SOPInstanceUID", "")
            number = numbers.get(uid) if self.by_table else instance
            rows.append((patient, number, instance, self.where(file)))
        slices = pd.DataFrame(rows, columns=["patient", "slice", "instance", "where"])
        unknown = slices[slices["slice"].isna()]
        if len(unknown):
            notes.append(
                f"{len(unknown)} files are left out, such as {unknown['where'].iloc[0]}: their "
                "slice number is unknown"
            )
        slices = slices.dropna(subset=["slice"]).astype({"slice": int})
        if self.by_table:
            notes += _disagreement(slices)
            lacking = len(numbers) - slices["slice"].size
            if lacking > 0:
                notes.append(f"{lacking} of the {len(numbers)} slices in the table are missing")
        return slices

    @cached_property
    def _boxes(self) -> pd.DataFrame:
        """For each patient, the first annotated slice (`start`) and the one after the last (`end`).

        Raises:
            DatasetError: a patient has no valid box, or several.
        """
        table = self.read_sheet(_BOXES)
        boxes = pd.DataFrame(
            {
                "start": pd.to_numeric(table["Start Slice"], errors="coerce"),
                "end": pd.to_numeric(table["End Slice"], errors="coerce"),
            }
        ).set_index(table["Patient ID"])
        bad = boxes.index[boxes.isna().any(axis=1) | (boxes["end"] < boxes["start"])]
        if len(bad) or boxes.index.has_duplicates:
            wrong = [*bad, *boxes.index[boxes.index.duplicated()]]
            raise DatasetError(
                f"dataset {self.name}: {self.find(_BOXES)} has no single valid box for {wrong[0]}; "
                "expected one row per patient, with integers Start Slice <= End Slice"
            )
        return boxes.astype(int)

    @property
    def _numbers(self) -> dict[str, int]:
        """The slice number of every wanted image, by SOPInstanceUID."""
        slices = self._slices
        return dict(zip(slices["sop_instance_uid"], slices["slice"].astype(int), strict=True))

    @cached_property
    def _slices(self) -> pd.DataFrame:
        """The rows of the table of file paths for the wanted patients: _EXCERPT_COLUMNS."""
        slices = self._all_slices
        return slices[slices["patient"].isin(self.patients())].reset_index(drop=True)

    @property
    def _has_excerpt(self) -> bool:
        """Whether the excerpt exists and is no older than the table."""
        excerpt, table = self.path / _EXCERPT, self.find(_FILES)
        if table is None or not excerpt.is_file():
            return False
        return excerpt.stat().st_mtime >= table.stat().st_mtime

    @property
    def _all_slices(self) -> pd.DataFrame:
        if self._has_excerpt:
            return read_table(self.path / _EXCERPT, _EXCERPT_COLUMNS, dataset=self.name)
        TO_STDERR.say(f"{self.name}: reading {self.find(_FILES)}, which may take minutes")
        slices = before_contrast(self.read_sheet(_FILES))
        # If the folder is read-only, the whole table is read each time.
        with suppress(OSError):
            write_csv(self.path / _EXCERPT, slices)
        return slices


def before_contrast(table: pd.DataFrame) -> pd.DataFrame:
    """The images of the sequence "pre" in the table of file paths, as _EXCERPT_COLUMNS.

    `original_path_and_filename` is DICOM_Images/<patient>/<sequence>/…_<slice>.dcm, `classic_path`
    is <collection>/<patient>/<study>/<series>/<file>. The file names in it do not always match
    those on disk (1-007.dcm for 1-07.dcm), but the UIDs do.
    """
    rows = []
    columns = (table[name] for name in _FILES.columns)
    for original, classic, sop in zip(*columns, strict=True):
        # Some slashes are doubled.
        parts = [part for part in original.split("/") if part]
        folders = [part for part in classic.split("/") if part][:-1]
        number = _NUMBER.search(original)
        if len(parts) == 4 and parts[2] == "pre" and number and folders:
            rows.append((parts[1], number[1], sop, folders[-1]))
    return pd.DataFrame(rows, columns=_EXCERPT_COLUMNS, dtype=str)


def is_before_contrast(description: str) -> bool:
    """Whether a series is the first phase of the dynamic sequence, judged by its description.

    >>> is_before_contrast("ax 3d dyn"), is_before_contrast("Ph1/ax 3d dyn")
    (True, False)
    """
    return bool(_DYNAMIC.search(description)) and not _AFTER_CONTRAST.search(description)


def label_of(number: int, start: int, end: int) -> str:
    """ "tumor", "empty", or "" for a slice too close to the box to be either.

    A slice is empty if it lies at least FAR slices before Start Slice or after End Slice. (The
    released code requires one more after it.)
    """
    if start <= number < end:
        return "tumor"
    return "empty" if start - number >= FAR or number - end >= FAR else ""


def _disagreement(slices: pd.DataFrame) -> list[str]:
    """A note if the table and InstanceNumber order slices differently; empty if they agree."""
    ordered = slices.dropna(subset=["instance"]).sort_values(["patient", "slice"])
    rising = ordered.groupby("patient")["instance"].agg(
        lambda numbers: numbers.is_monotonic_increasing
    )
    other = rising.index[~rising.astype(bool)]
    if not len(other):
        return []
    return [
        f"in {len(other)} of {len(rising)} patients, such as {other[0]}, InstanceNumber orders the "
        "slices differently from the table of file paths, which is used here (set slices: instance "
        "to use InstanceNumber)"
    ]
