"""Tables that come with datasets: .csv, .txt with any separator, .xlsx; every cell a string."""

import io
import re
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

import pandas as pd

from idsharp.datasets.errors import DatasetError
from idsharp.datasets.formats.parsing import BoundedFile

SHEET_SUFFIXES = (".csv", ".txt", ".xlsx")

# What may stand between the fields of a text file; the first that is not rarer than another wins.
_SEPARATORS = ",|;\t"


def read_table(
    path: str | Path,
    columns: Sequence[str] = (),
    *,
    dataset: str,
    header: bool = True,
    only: bool = False,
) -> pd.DataFrame:
    """A table with all cells as strings without blanks around them, empty where a cell is.

    A number of an .xlsx file is written as a .csv would have it: 1 rather than 1.0.

    Args:
        columns: those that must be there, under these names in the result. Case, blanks and
            punctuation do not count, and a longer name whose first words these are will do:
            "UCLA Score" finds "UCLA Score (Similar to PIRADS v2)".
        dataset: named in messages.
        header: whether the first row names the columns; otherwise `columns` name them in order.
        only: leave the other columns out.

    Raises:
        DatasetError: no such file, no table, no such column, or openpyxl is not installed.
    """
    path = Path(path)
    if not path.is_file():
        raise DatasetError(f"dataset {dataset}: there is no table {path}")
    try:
        read = _read_xlsx if path.suffix.lower() == ".xlsx" else _read_text
        table = read(path, header)
    except ImportError as error:
        raise DatasetError(
            f"dataset {dataset}: reading {path.name} needs the package openpyxl: "
            "pip install 'idsharp[medical]'"
        ) from error
    except pd.errors.EmptyDataError as error:
        raise DatasetError(f"dataset {dataset}: {path} is empty") from error
    except Exception as error:
        # A damaged workbook may fail anywhere in openpyxl, with any exception.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DatasetError(
            f"dataset {dataset}: {path} cannot be read as a table ({reason})"
        ) from error
    if not header:
        if table.shape[1] != len(columns):
            raise DatasetError(
                f"dataset {dataset}: {path} has {table.shape[1]} columns; expected "
                f"{len(columns)}: {', '.join(columns)}"
            )
        table.columns = list(columns)
    found = {find_column(table.columns, name, path, dataset): name for name in columns}
    if only:
        table = table[list(found)]
    return table.rename(columns=found).fillna("").apply(lambda cells: cells.str.strip())


def find_column(columns: Sequence[str], name: str, path: Path, dataset: str) -> str:
    """The column that is meant by a name; DatasetError, listing the columns, if none or several."""
    wanted = "".join(_words(name))
    same = [column for column in columns if "".join(_words(column)) == wanted]
    longer = [column for column in columns if wanted in _beginnings(column)]
    meant = [name] if name in columns else same or longer
    if len(meant) != 1:
        fault = f"several columns {name!r} ({', '.join(meant)})" if meant else f"no column {name!r}"
        raise DatasetError(
            f"dataset {dataset}: {path} has {fault}; its columns are {', '.join(columns) or 'none'}"
        )
    return meant[0]


def find_table(folder: Path, name: str) -> Path | None:
    """The .csv, .txt or .xlsx file of a folder whose name begins with this one, or None.

    Case, blanks and punctuation do not count: "Target Data" finds Target-Data_2019-12-05.xlsx. Of
    several the shortest name is taken, and text before .xlsx, since it is read faster.
    """
    if not folder.is_dir():
        return None
    wanted = "".join(_words(name))
    files = [
        file
        for file in folder.iterdir()
        if file.suffix.lower() in SHEET_SUFFIXES
        and "".join(_words(file.stem)).startswith(wanted)
        # Excel's lock files and the shadows that macOS leaves in archives.
        and not file.name.startswith(("~$", "."))
    ]
    return min(files, key=lambda file: (len(file.stem), file.suffix, file.name), default=None)


def _read_text(path: Path, header: bool) -> pd.DataFrame:
    with open(path, "rb") as stream:
        first = stream.readline(1_000_000)
    if b"\0" in first:
        raise ValueError("it is no text")
    options = {
        "sep": max(_SEPARATORS, key=lambda separator: first.count(separator.encode())),
        "header": 0 if header else None,
        "dtype": str,
        # "NA" and "None" are words here; a cell is empty where nothing stands in it.
        "keep_default_na": False,
        "index_col": False,
    }
    with warnings.catch_warnings():
        # Rows longer than the header: pandas would drop what is beyond it.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            return pd.read_csv(path, encoding="utf-8-sig", **options)
        except UnicodeDecodeError:
            # Older exports, such as OAI's; names and numbers are ASCII in either.
            return pd.read_csv(path, encoding="latin-1", **options)


def _read_xlsx(path: Path, header: bool) -> pd.DataFrame:
    # openpyxl prints on what it then raises an error for, where JSON may be written.
    with BoundedFile(path) as stream, redirect_stdout(io.StringIO()):
        return pd.read_excel(
            stream, header=0 if header else None, dtype=str, keep_default_na=False,
            engine="openpyxl",
        )  # fmt: skip


def _words(name: object) -> list[str]:
    return re.findall(r"[^\W_]+", str(name).casefold())


def _beginnings(name: object) -> set[str]:
    words = _words(name)
    return {"".join(words[:n]) for n in range(1, len(words) + 1)}
