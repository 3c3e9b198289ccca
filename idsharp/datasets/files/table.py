"""A CSV file that lists images: `path`, `label`, and where known `patient` and `split`."""

import warnings
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from idsharp.datasets.base import INDEX_COLUMNS, Dataset, tidy
from idsharp.datasets.errors import DatasetError, FormatError
from idsharp.datasets.formats.dicom import DICOM_SUFFIXES, read_dicom
from idsharp.datasets.formats.parsing import parsing
from idsharp.datasets.formats.pictures import read_image

_OPTIONAL = ("patient", "split")


class TableDataset(Dataset):
    """Images that a CSV file names, one a row; PNG, JPEG, TIFF, WebP,
    BMP, GIF, or DICOM (.dcm, first frame).

    Paths are relative to the CSV's folder and may not lead out of it, unless `allow_outside` is
    true. Further columns are kept in the index, so that a task can take its label from one of them.
    """

    def locate(self) -> list[Path]:
        files = [self._file(path) for path in self._table["path"]]
        missing = [file for file in files if not file.is_file()]
        if missing:
            raise DatasetError(
                f"dataset {self.name}: {self.path} names {len(missing)} files that are not there, "
                f"such as {missing[0]}"
            )
        return [self.path, *sorted(files)]

    def index(self) -> pd.DataFrame:
        self.locate()
        table = self._table
        index = pd.DataFrame({"id": table["path"], "where": table["path"], "label": table["label"]})
        for column in _OPTIONAL:
            index[column] = table.get(column, "")
        further = [column for column in table if column not in (*INDEX_COLUMNS, "path")]
        return index.join(table[further])

    def read(self, where: str) -> np.ndarray:
        file = self._file(where)
        return read_dicom(file) if file.suffix.lower() in DICOM_SUFFIXES else read_image(file)

    def _file(self, path: str) -> Path:
        root = self.path.parent
        file = (root / path).resolve()
        if file.is_relative_to(root.resolve()) or self.settings.get("allow_outside", False):
            return file
        raise DatasetError(
            f"dataset {self.name}: {path} leads out of {root}; allow it with --allow-outside "
            "(allow_outside: true)"
        )

    @cached_property
    def _table(self) -> pd.DataFrame:
        if not self.path.is_file():
            raise DatasetError(f"dataset {self.name}: there is no file {self.path}")
        with (
            self.named(),
            parsing(self.path, "a CSV file", FormatError),
            warnings.catch_warnings(),
        ):
            # Rows longer than the header: pandas would drop what is beyond it.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            try:
                table = pd.read_csv(
                    self.path, dtype=str, keep_default_na=False, skipinitialspace=True,
                    encoding="utf-8-sig", index_col=False,
                )  # fmt: skip
            except pd.errors.EmptyDataError:
                table = pd.DataFrame()
        table = table.rename(columns=str.strip)
        absent = [column for column in ("path", "label") if column not in table]
        if absent:
            raise DatasetError(
                f"dataset {self.name}: {self.path} has no column {' and no column '.join(absent)}; "
                f"its columns are {', '.join(table) or 'none'}"
            )
        return self._checked(table)

    def _checked(self, table: pd.DataFrame) -> pd.DataFrame:
        for column in table.columns.difference(["path"]):
            table[column] = tidy(table[column])
        for column in ("path", "label"):
            empty = np.flatnonzero(table[column].str.strip() == "")
            if len(empty):
                # The header is line 1.
                raise DatasetError(
                    f"dataset {self.name}: {self.path}, line {empty[0] + 2}: no {column}"
                )
        if table["path"].str.contains("\0", regex=False).any():
            raise DatasetError(f"dataset {self.name}: {self.path} is no text")
        twice = table["path"][table["path"].duplicated()]
        if len(twice):
            raise DatasetError(
                f"dataset {self.name}: {self.path} names {len(twice)} files more than once, such "
                f"as {twice.iloc[0]}; list each image once"
            )
        if not len(table):
            raise DatasetError(f"dataset {self.name}: {self.path} lists no image")
        return table
