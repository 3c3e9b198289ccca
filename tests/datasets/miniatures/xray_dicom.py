"""DICOM files of the kinds that OAI and RSNA hold, written by pydicom."""

import warnings
from pathlib import Path

import numpy as np
import pydicom
from pydicom import config
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid


def write_dicom(file: Path, stored: np.ndarray, **tags) -> None:
    """Write stored values (16 bit, signed where their type is) with these tags."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = tags.get("SOPClassUID", "1.2.840.10008.5.1.4.1.1.2")
    meta.MediaStorageSOPInstanceUID = generate_uid()
    header = Dataset()
    header.file_meta = meta
    header.Rows, header.Columns = stored.shape
    header.SamplesPerPixel = 1
    header.PhotometricInterpretation = "MONOCHROME2"
    header.BitsAllocated = header.BitsStored = 16
    header.HighBit = 15
    header.PixelRepresentation = int(stored.dtype.kind == "i")
    header.PixelData = stored.astype(f"<{stored.dtype.kind}2").tobytes()
    before = config.settings.writing_validation_mode
    # Real files break rules that pydicom keeps and warns of, such as identifiers that are no UIDs.
    config.settings.writing_validation_mode = config.IGNORE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name, value in tags.items():
                setattr(header, name, value)
            file.parent.mkdir(parents=True, exist_ok=True)
            pydicom.dcmwrite(file, header, enforce_file_format=True)
    finally:
        config.settings.writing_validation_mode = before
