"""DICOM files: pixels in the units of their modality, and what an index needs of their headers."""

import os
import warnings
from pathlib import Path

import numpy as np

from idsharp.datasets.errors import DatasetError, UnreadableImageError
from idsharp.datasets.formats.parsing import MOST_DEFLATED, MOST_PIXELS, BoundedFile, parsing

DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")

# What says how many bytes the pixels of a file take, and who the patient is.
_SHAPE = [
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "BitsAllocated", "PatientID",
]  # fmt: skip
_LEAST_COMPRESSED = 16  # bytes of a frame


def is_dicom(file: Path) -> bool:
    """Whether a file is DICOM, by its suffix, or by its signature where it has none."""
    suffix = file.suffix.lower()
    if suffix in DICOM_SUFFIXES:
        return True
    if suffix and not suffix[1:].isdigit():
        return False
    try:
        with open(file, "rb") as stream:
            return stream.read(132)[128:] == b"DICM"
    except OSError:
        return False


def read_dicom(file: str | Path, frame: int = 0) -> np.ndarray:
    """One frame as H×W or H×W×3, in the units of its modality (Hounsfield units for CT).

    The rescale slope and intercept, or the modality's lookup table, are applied; windows are not.
    MONOCHROME1, whose low values are bright, is first inverted within the range that the file's
    bits can store, so that a picture stored either way is the same to the last digit. YBR and
    palettes become RGB.

    Raises:
        UnreadableImageError: no DICOM, no pixels, more pixels than the file can hold, or a
            compression without a decoder.
        DatasetError: pydicom is not installed.
    """
    import_pydicom()
    from pydicom import pixels as dicom_pixels

    # pydicom warns of small deviations from the standard, which real files are full of.
    with parsing(file, "DICOM"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = read_header(file)
        if not _plausible(file, header):
            raise UnreadableImageError(
                f"{file}: claims {header.get('NumberOfFrames', 1)} frames of "
                f"{header.get('Rows')}×{header.get('Columns')} pixels, which the file cannot hold"
            )
        with BoundedFile(file) as stream:
            values = dicom_pixels.pixel_array(stream, index=frame)
        interpretation = header.PhotometricInterpretation
        if interpretation == "PALETTE COLOR":
            return dicom_pixels.apply_color_lut(values, header)
        if header.get("SamplesPerPixel", 1) > 1:
            return values
        if interpretation == "MONOCHROME1":
            values = _inverted(values, header)
        return _rescale(values, header, frame, dicom_pixels.apply_modality_lut)


def _plausible(file: str | Path, header) -> bool:
    """Whether a file is large enough for the pixels that its header claims.

    Nothing is allocated, and no list of frames made, for a header that is not believed.
    """
    rows, columns = int(header.get("Rows") or 0), int(header.get("Columns") or 0)
    frames, size = int(header.get("NumberOfFrames") or 1), os.path.getsize(file)
    syntax = header.file_meta.get("TransferSyntaxUID") if hasattr(header, "file_meta") else None
    if rows * columns > MOST_PIXELS or frames < 1:
        return False
    if syntax is not None and syntax.is_deflated:
        return rows * columns * frames <= size * MOST_DEFLATED
    if syntax is not None and syntax.is_compressed:
        return frames * _LEAST_COMPRESSED <= size
    bits = int(header.get("BitsAllocated") or 8) * int(header.get("SamplesPerPixel") or 1)
    return rows * columns * frames * bits <= 8 * size


def _inverted(values: np.ndarray, header) -> np.ndarray:
    """Stored values turned over within the range of the bits that they are stored in."""
    if values.dtype.kind == "f":
        return -values
    signed = int(header.get("PixelRepresentation", 0)) == 1
    # The lowest and the highest value that can be stored, added.
    both = -1 if signed else 2 ** int(header.BitsStored) - 1
    inverted = both - values.astype(np.int64)
    info = np.iinfo(values.dtype)
    # Values above what the header says bits are stored for leave the type.
    fits = info.min <= inverted.min() and inverted.max() <= info.max
    return inverted.astype(values.dtype) if fits else inverted


def _rescale(values: np.ndarray, header, frame: int, apply_modality_lut) -> np.ndarray:
    """Stored values in the units of the modality; enhanced objects keep the scale by frame."""
    groups = list(header.get("PerFrameFunctionalGroupsSequence", []))[frame : frame + 1]
    groups += list(header.get("SharedFunctionalGroupsSequence", []))
    for group in groups:
        if transformation := group.get("PixelValueTransformationSequence"):
            slope, intercept = transformation[0].RescaleSlope, transformation[0].RescaleIntercept
            return values * float(slope) + float(intercept)
    return apply_modality_lut(values, header)


def frames_and_patient(file: Path) -> tuple[int, str]:
    """Frames of a file (0: no image) and its PatientID, from the header alone."""
    import_pydicom()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = read_header(file, _SHAPE)
            if "Rows" not in header:
                return 0, ""
            patient = str(header.get("PatientID") or "")
            frames = int(header.get("NumberOfFrames") or 1)
            return frames if _plausible(file, header) else 1, patient
    except Exception:
        # Listed all the same, so that reading it names the file and the cause.
        return 1, ""


def read_header(file: str | Path, tags: list[str] | None = None):
    """What stands before the pixels, as pydicom's Dataset; of these tags alone where given.

    Raises:
        Exception: of any kind, where the file is damaged.
    """
    with BoundedFile(file) as stream:
        return import_pydicom().dcmread(stream, stop_before_pixels=True, specific_tags=tags)


def import_pydicom():
    """The pydicom module, imported only where DICOM is read."""
    try:
        import pydicom
    except ImportError as error:
        raise DatasetError(
            "reading DICOM needs pydicom and its decoders: pip install 'idsharp[medical]'"
        ) from error
    return pydicom
