"""Prostate-MRI-US-Biopsy in small: ultrasound in one file of frames, MR in one file a slice.

The sheet has the column order of the original and its longer score name; targets share series, and
there is one without an ROI volume.
"""

import csv
import io

import numpy as np

from tests.datasets.miniatures.tcia import SeriesFiles, uid

COLLECTION = "Prostate-MRI-US-Biopsy"
FRAMES, SLICES = 11, 12
#: Patient, session, scores of its targets. A session has a US series; all of a patient share an MR.
SESSIONS = [
    ("0001", 1, [3]), ("0002", 1, [1, 3]), ("0002", 2, [1]), ("0003", 1, [0]), ("0004", 1, [2]),
    ("0005", 1, [5, 2, 4]), ("0006", 1, [1]), ("0007", 1, [4]), ("0008", 1, [2]), ("0009", 1, [1]),
]  # fmt: skip


def patient_id(number: str) -> str:
    return f"{COLLECTION}-{number}"


def us_pixels(number: str, session: int, frame: int) -> np.ndarray:
    """An 8-bit frame that tells its patient, session and place."""
    image = np.full((12, 20), 240, np.uint8)
    image[6:, :7] = 20 * int(number)
    image[6:, 7:14] = 100 * session
    image[6:, 14:] = 10 * frame
    return image


def mr_pixels(number: str, instance: int) -> np.ndarray:
    """A 12-bit slice that tells its patient and InstanceNumber."""
    image = np.full((16, 16), 4000, np.uint16)
    image[8:, :8] = 300 * int(number)
    image[8:, 8:] = 200 * instance
    return image


def us_uid(number: str, session: int) -> str:
    return uid(number, "US", session)


def mr_uid(number: str) -> str:
    return uid(number, "MR")


def series() -> list[SeriesFiles]:
    """All series, with an MR scout in each patient that no table names."""
    made = []
    for number, session, _ in SESSIONS:
        patient = patient_id(number)
        volume = np.stack([us_pixels(number, session, frame) for frame in range(FRAMES)])
        made.append(
            SeriesFiles(
                patient, "", session, {1: volume}, "US", uid(number, "US study"),
                us_uid(number, session),
            )
        )  # fmt: skip
        if session == 1:
            slices = {n: mr_pixels(number, n) for n in range(1, SLICES + 1)}
            made.append(SeriesFiles(patient, "t2_spc_rst_axial", 13, slices, uid=mr_uid(number)))
            scout = {1: np.zeros((8, 8), np.uint16)}
            made.append(SeriesFiles(patient, "localizer", 1, scout))
    return made


def sheet_rows() -> list[list]:
    """Target Data: header and rows."""
    rows: list[list] = [[
        "UCLA Score (Similar to PIRADS v2)", "ROI Volume (cc)", "Target No.",
        "seriesInstanceUID_US", "seriesInstanceUID_MR", "Patient ID",
    ]]  # fmt: skip
    for number, session, scores in SESSIONS:
        for target, score in enumerate(scores, start=1):
            volume = "" if number == "0007" else 0.8343
            uids = [us_uid(number, session), mr_uid(number)]
            rows.append([score, volume, target, *uids, patient_id(number)])
    return rows


def sheet_csv() -> bytes:
    """The sheet as text."""
    stream = io.StringIO()
    csv.writer(stream).writerows(sheet_rows())
    return stream.getvalue().encode()
