"""Baseline knee X-rays of the Osteoarthritis Initiative (NIMH Data Archive)."""

import os
import re
import warnings
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from idsharp.datasets.errors import DatasetError, UnreadableImageError
from idsharp.datasets.formats.dicom import import_pydicom, read_dicom
from idsharp.datasets.formats.spreadsheets import find_table, read_table
from idsharp.datasets.label_table import TabledDataset
from idsharp.datasets.tree import files_below

#: The reading project that graded all films of the cohort.
PROJECT = "15"

#: Side of the square around a knee: 672 pixels of 0.2 mm in the papers' released code.
CROP = 134.4  # mm

GRADES = ["0", "1", "2", "3", "4"]

_SIDES = {"1": "right", "2": "left"}

# The table's bar codes are 0166 followed by the eight digits that name a film's folder; some copies
# have lost the leading zero.
_BARCODE_DIGITS = 8

# The most folders between `path` and those of the participants, such as image03/00m/0.C.2.
_DEEPEST = 5


class OaiDataset(TabledDataset):
    """Both knees of each bilateral PA fixed-flexion film; label and `kl_grade` are "0" to "4".

    Films are found by the bar codes in kxr_sq_bu00.txt. The patient's right knee is on the left
    half of a film, as in the papers' released code. `crop: joint` (the default) takes the square of
    134.4 mm at the center of the half: the field of view of that code, which centers it where a
    network finds the joint. `crop: half` takes the whole half. Another column is the side.

    Only grades of reading project 15 are used. Knees without one and knees with contradictory
    grades are left out.
    """

    table = "kxr_sq_bu00.txt"
    layout = (
        "  kxr_sq_bu00.txt\n"
        "  0.C.2/9000296/20040909/00270303/001 …   (release/participant/date/bar code/film)\n"
        "  0.E.1/9000099/20050531/00839603/001 …\n"
        "The releases may lie deeper, as in image03/00m/0.C.2; unpack the .tar.gz of each film in\n"
        "its folder."
    )

    def table_in(self, folder: Path) -> Path | None:
        return find_table(folder, Path(self.table).stem)

    def index(self) -> pd.DataFrame:
        self.require()
        knees = self._knees()
        wanted = set(knees["barcode"])
        films = self._films(wanted)
        knees["film"] = (knees["ID"] + "/" + knees["barcode"]).map(films)
        found = knees.dropna(subset="film").drop_duplicates(["ID", "SIDE"])
        if not len(found):
            raise DatasetError(
                f"dataset {self.name}: {self.path} holds none of the {len(wanted)} films that "
                f"{self.table} grades, such as …/{knees['ID'].iloc[0]}/<date>/"
                f"{knees['barcode'].iloc[0]}/001\nThe folder must look like this:\n{self.layout}"
            )
        absent = len(knees.drop_duplicates(["ID", "SIDE"])) - len(found)
        if absent:
            self.note(f"{absent} graded knees left out because their films are not in {self.path}")
        mark = found["SIDE"].map({"1": "R", "2": "L"})
        index = pd.DataFrame({"id": found["ID"] + mark, "where": found["film"] + "#" + mark})
        index["label"] = index["kl_grade"] = found["grade"]
        index["side"] = found["SIDE"].map(_SIDES)
        index["patient"], index["split"] = found["ID"], ""
        return self.check(index.sort_values("id", ignore_index=True))

    def read(self, where: str) -> np.ndarray:
        film, _, side = where.rpartition("#")
        pixels, spacing = self._film(film)
        middle = pixels.shape[1] // 2
        half = pixels[:, :middle] if side == "R" else pixels[:, -middle:]
        if self._crop == "half":
            return half
        if spacing is None:
            raise UnreadableImageError(
                f"{film}: its header lacks the pixel size, which crop: half does not need"
            )
        return _central(half, [round(CROP / size) for size in spacing])

    @property
    def _crop(self) -> str:
        crop = self.settings.get("crop", "joint")
        if crop not in ("joint", "half"):
            raise DatasetError(f"dataset {self.name}: crop is {crop!r}; write joint or half")
        return crop

    def group(self, where: str) -> str:
        return where.rpartition("#")[0]

    @cached_property
    def _film(self):
        """Reads a film and its pixel size; the last film is cached for the other knee."""
        return lru_cache(maxsize=1)(
            lambda film: (read_dicom(self.file_of(film)), _spacing(self.file_of(film)))
        )

    def __getstate__(self) -> dict:
        """Without the cached film, so that the object can be sent to other processes."""
        return {name: value for name, value in vars(self).items() if name != "_film"}

    def _knees(self) -> pd.DataFrame:
        """ID, SIDE, grade and bar code of every knee with exactly one grade.

        Raises:
            DatasetError: the table has no rows of reading project 15.
        """
        columns = ["ID", "SIDE", "READPRJ", "V00BARCDBU", "V00XRKL"]
        table = read_table(self.tables()[0], columns, dataset=self.name, only=True)
        # Some exports write "1: Right" for 1, and ".: Missing Form" for a missing value.
        table = table.apply(lambda cells: cells.str.partition(":")[0].str.strip())
        mine = table[table["READPRJ"] == PROJECT]
        if not len(mine):
            raise DatasetError(
                f"dataset {self.name}: {self.tables()[0]} has no row with READPRJ {PROJECT}; it "
                f"has {', '.join(sorted(table['READPRJ'].unique())[:10])}"
            )
        mine = mine.assign(
            grade=mine["V00XRKL"].str.removesuffix(".0"),
            barcode=mine["V00BARCDBU"].str[-_BARCODE_DIGITS:],
        )
        mine = mine[mine["grade"].isin(GRADES) & mine["SIDE"].isin(_SIDES)]
        one = mine.groupby(["ID", "SIDE"])["grade"].transform("nunique") == 1
        if not one.all():
            names = ", ".join(mine.loc[~one, "ID"].unique()[:3])
            self.note(f"knees with several grades are left out, such as those of {names}")
        return mine[one]

    def _films(self, barcodes: set[str]) -> dict[str, str]:
        """Paths of the films with these bar codes, relative to `path`, by participant/bar code."""
        films: dict[str, str] = {}
        for participant in sorted(self._participants()):
            for folder in sorted(participant.glob("[0-9]*/[0-9]*")):
                if folder.name not in barcodes:
                    continue
                files = [file for file in files_below(folder) if file.suffix in ("", ".dcm")]
                if files:
                    film = files[0].relative_to(self.path).as_posix()
                    films.setdefault(f"{participant.name}/{folder.name}", film)
        return films

    def _participants(self) -> list[Path]:
        """Folders named after a participant (seven digits), wherever the releases lie."""
        found = []
        for folder, below, _ in os.walk(self.path):
            people = [name for name in below if re.fullmatch(r"\d{7}", name)]
            found += [Path(folder, name) for name in people]
            deep = len(Path(folder).relative_to(self.path).parts) >= _DEEPEST
            below[:] = [] if deep else [name for name in below if name not in people]
        return found


def _spacing(film: Path) -> tuple[float, float] | None:
    """Height and width of a pixel in mm, from the header; None if absent."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = import_pydicom().dcmread(film, stop_before_pixels=True)
    spacing = header.get("PixelSpacing") or header.get("ImagerPixelSpacing") or ()
    sizes = tuple(float(value) for value in spacing)
    return sizes if len(sizes) == 2 and min(sizes) > 0 else None


def _central(pixels: np.ndarray, shape: list[int]) -> np.ndarray:
    """The central part with this shape, or as much of it as the image has."""
    starts = [
        max(0, (have - want) // 2) for have, want in zip(pixels.shape[:2], shape, strict=True)
    ]
    return pixels[starts[0] : starts[0] + shape[0], starts[1] : starts[1] + shape[1]]
