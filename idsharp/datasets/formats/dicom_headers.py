"""Headers of many DICOM files, which their indexes need."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from idsharp.common.parallel import map_in_threads
from idsharp.common.progress import Reporter
from idsharp.datasets.formats.dicom import import_pydicom, is_dicom, read_header

Item = TypeVar("Item")
Result = TypeVar("Result")


def images_of(folder: Path) -> list[Path]:
    """The DICOM files of a folder, sorted."""
    return sorted(file for file in folder.iterdir() if file.is_file() and is_dicom(file))


def headers(
    files: list[Path], tags: list[str], report: Reporter, what: str
) -> list[dict[str, str] | None]:
    """`header_of` every file, in order."""
    return in_threads(lambda file: header_of(file, tags), files, report, what)


def whole_number(value: object) -> int | None:
    """A number from a header, or None where it is absent or none."""
    try:
        return int(float(str(value)))
    except (ValueError, OverflowError):
        return None


def in_threads(
    function: Callable[[Item], Result], items: list[Item], report: Reporter, what: str
) -> list[Result]:
    """`function` of every item, in order, with progress; pydicom's warnings are not shown."""
    import_pydicom()
    # Here and not in the threads, because the filters of warnings belong to all of them.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(map_in_threads(function, items, what, report=report))


def header_of(file: Path, tags: list[str]) -> dict[str, str] | None:
    """Those of these tags that the header holds, as text; None where it cannot be read."""
    import_pydicom()
    try:
        header = read_header(file, tags)
        return {tag: str(header[tag].value) for tag in tags if tag in header}
    # A malformed file may fail anywhere in pydicom, with any exception.
    except Exception:
        return None
