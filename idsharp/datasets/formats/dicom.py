"""DICOM files: pixels in the units of their modality, and what an index needs of their headers."""

import warnings
from pathlib import Path

import numpy as np

from idsharp.datasets.errors import DatasetError, UnreadableImageError

DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")


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
    MONOCHROME1 is inverted about its maximum, so that bright is bright. YBR and palettes become
    RGB.

    Raises:
        UnreadableImageError: no DICOM, no pixels, or a compression without a decoder.
        DatasetError: pydicom is not installed.
    """
    pydicom = import_pydicom()
    from pydicom import pixels as dicom_pixels

    try:
        # pydicom warns of small deviations from the standard, which real files are full of.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = pydicom.dcmread(file, stop_before_pixels=True)
            values = dicom_pixels.pixel_array(file, index=frame)
            interpretation = header.PhotometricInterpretation
            if interpretation == "PALETTE COLOR":
                return dicom_pixels.apply_color_lut(values, header)
            if header.get("SamplesPerPixel", 1) > 1:
                return values
            values = _rescale(values, header, frame, dicom_pixels.apply_modality_lut)
    # A malformed file may fail anywhere in pydicom and its decoders, with any exception.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UnreadableImageError(f"{file}: cannot be read as DICOM ({reason})") from error
    if interpretation == "MONOCHROME1":
        # As floats, because the range of 16-bit signed values need not fit into 16 bits.
        return np.subtract(values.max(), values, dtype=np.float64)
    return values


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
    pydicom = import_pydicom()
    tags = ["Rows", "NumberOfFrames", "PatientID"]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=tags)
            if "Rows" not in header:
                return 0, ""
            return int(header.get("NumberOfFrames") or 1), str(header.get("PatientID") or "")
    except Exception:
        # Listed all the same, so that reading it names the file and the cause.
        return 1, ""


def import_pydicom():
    """The pydicom module, imported only where DICOM is read."""
    try:
        import pydicom
    except ImportError as error:
        raise DatasetError(
            "reading DICOM needs pydicom and its decoders: pip install 'idsharp[medical]'"
        ) from error
    return pydicom
