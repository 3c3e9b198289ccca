"""Duke-Breast-Cancer-MRI in small: six patients, 30 slices each, with the oddities of the original.

* Annotation_Boxes has CRLF; Start Slice <= tumour < End Slice.
* A patient has a sequence before the contrast, one after it, and another T1; the first is not
  always called "pre", and the last may be.
* The table of file paths has empty columns behind, doubled slashes, patients without underscores
  in its descriptive paths, and classic names of three digits, where the files have two.
* In the last patient the table counts from the other end than InstanceNumber.
"""

import csv
import io

import numpy as np

from tests.datasets.miniatures.tcia import SeriesFiles

COLLECTION = "Duke-Breast-Cancer-MRI"
DEPTH = 30
#: Start Slice and End Slice.
BOXES = {
    "Breast_MRI_001": (10, 15), "Breast_MRI_002": (1, 4), "Breast_MRI_003": (20, 31),
    "Breast_MRI_004": (12, 13), "Breast_MRI_005": (14, 20), "Breast_MRI_006": (4, 9),
}  # fmt: skip
REVERSED = "Breast_MRI_006"
_DESCRIPTIONS = {
    "Breast_MRI_001": ("ax dyn pre", "ax dyn 1st pass"),
    "Breast_MRI_002": ("ax 3d dyn", "Ph1/ax 3d dyn"),
    "Breast_MRI_003": ("Ax Vibrant MultiPhase", "Ph1/Ax Vibrant MultiPhase"),
}


def pixels(patient: str, sequence: str, number: int) -> np.ndarray:
    """A 16×16 slice that tells its patient, sequence and slice number (by InstanceNumber)."""
    image = np.zeros((16, 16), np.uint16)
    image[:8] = 1000
    image[8:, :4] = 10 * int(patient[-3:])
    image[8:, 4:8] = 20 * number
    image[8:, 8:] = {"pre": 100, "post_1": 300, "T1": 700}[sequence]
    return image


def series() -> dict[tuple[str, str], SeriesFiles]:
    """All series by patient and sequence."""
    made = {}
    for patient in BOXES:
        before, after = _DESCRIPTIONS.get(patient, _DESCRIPTIONS["Breast_MRI_001"])
        for place, (sequence, description) in enumerate(
            (("T1", "ax t1 pre"), ("pre", before), ("post_1", after)), start=2
        ):
            images = {n: pixels(patient, sequence, n) for n in range(1, DEPTH + 1)}
            made[patient, sequence] = SeriesFiles(patient, description, place, images)
    return made


def table_number(patient: str, instance: int) -> int:
    """The number of a slice in the table of file paths."""
    return DEPTH + 1 - instance if patient == REVERSED else instance


def boxes_csv() -> bytes:
    """Annotation_Boxes, as exported."""
    lines = ["Patient ID,Start Row,End Row,Start Column,End Column,Start Slice,End Slice"]
    lines += [f"{patient},2,5,3,6,{start},{end}" for patient, (start, end) in BOXES.items()]
    return ("\r\n".join(lines) + "\r\n").encode()


def mapping_rows() -> list[list[str]]:
    """Breast-Cancer-MRI-filepath_filename-mapping: header and rows."""
    rows = [["sop_instance_UID", "original_path_and_filename", "classic_path", "descriptive_path"]]
    rows[0] += [f"Unnamed: {n}" for n in range(4, 6)]
    for (patient, sequence), one in series().items():
        for instance, sop in one.sops.items():
            number = table_number(patient, instance)
            original = f"DICOM_Images/{patient}/{sequence}/{patient}_{sequence}_{number:03d}.dcm"
            slashes = "//" if patient == "Breast_MRI_002" else "/"
            classic = f"{COLLECTION}/{patient}/{one.study}/{one.uid}{slashes}1-{instance:03d}.dcm"
            descriptive = (
                f"{COLLECTION}/{patient.replace('_', '')}/01-01-1990-NA-MRI BREAST W/WO-12345/"
                f"{one.number}.000000-{one.description}-12345/1-{instance:03d}.dcm"
            )
            rows.append([sop, original, classic, descriptive, "", ""])
    return rows


def mapping_csv() -> bytes:
    """The table of file paths as text."""
    stream = io.StringIO()
    csv.writer(stream).writerows(mapping_rows())
    return stream.getvalue().encode()
