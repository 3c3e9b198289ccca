"""The Osteoarthritis Initiative's baseline in small: table of readings, bilateral films."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.datasets.miniatures.truth import Truth, picture
from tests.datasets.miniatures.xray_dicom import write_dicom

COLUMNS = [
    "ID", "SIDE", "READPRJ", "VERSION", "V00BARCDBU", "V00XROSFM", "V00XRSCFM", "V00XRCYFM",
    "V00XRJSM", "V00XRCHM", "V00XROSTM", "V00XRSCTM", "V00XRCYTM", "V00XRATTM", "V00XRKL",
    "V00XROSFL", "V00XRSCFL", "V00XRCYFL", "V00XRJSL", "V00XRCHL", "V00XROSTL", "V00XRSCTL",
    "V00XRCYTL", "V00XRATTL",
]  # fmt: skip

CR = "1.2.840.10008.5.1.4.1.1.1"
SHAPE, SPACING = (180, 216), 2.0  # pixels, mm: 360 mm × 432 mm, as 14 × 17 inches


def write(folder: Path, releases: str = "", worded: bool = False, participants: int = 24) -> Truth:
    """24 participants with both knees graded; the truth is the central 134.4 mm of each half.

    Of the first, the left knee has no grade; of the second, the right knee has two; the third has
    no film; the fourth has a second film that is not graded, and a hand; the bar code of the fifth
    has lost its leading zero. Odd ones are MONOCHROME1.

    Args:
        releases: folders above 0.C.2 and 0.E.1.
        worded: numbers with their meaning, as some exports write them.
    """
    truth, rows = Truth(folder), []
    for n in range(participants):
        identity, barcode = f"90000{n + 10}", f"00{4_000 + n:06d}"
        grades = [str(n % 5), str((n + 2) % 5)]
        if n == 0:
            grades[1] = ".: Missing Form/Incomplete Workbook" if worded else ""
        written = ("16600" if n == 4 else "016600") + barcode[2:]
        for side, grade in ((1, grades[0]), (2, grades[1])):
            rows.append(row(identity, side, "15", written, grade, worded))
            rows.append(row(identity, side, "37", written, "4", worded))
            if n == 1 and side == 1:
                rows.append(row(identity, side, "15", written, "3", worded))
            if n == 3:
                rows.append(row(identity, side, "42", written, "0", worded))
        if n == 2:
            continue
        place = folder / releases / ("0.C.2", "0.E.1")[n % 2] / identity / "20050531"
        film = picture(n, SHAPE, 4095).astype(np.uint16)
        write_film(place / barcode / "001", film, inverted=n % 2 == 1, n=n)
        Image.new("L", (20, 20)).save(place / barcode / f"{barcode}_1x1.jpg")
        if n == 3:
            write_film(place / "00999901" / "001", picture(900, SHAPE, 4095).astype(np.uint16))
            write_film(place / "10693717" / "001", picture(901, (64, 64), 900).astype(np.uint16))
            write_film(place / "10693717" / "002", picture(902, (64, 64), 900).astype(np.uint16))
        for side, grade, left in (("R", grades[0], 20), ("L", grades[1], 108 + 20)):
            if grade in "01234" and grade and not (n == 1 and side == "R"):
                # 134.4 mm are 67 pixels: rows 56 to 122, columns 20 to 86 of the half.
                truth.add(
                    f"{identity}{side}",
                    film[56:123, left : left + 67].astype(float),
                    grade,
                    identity,
                )
    table = "\r\n".join(["|".join(COLUMNS), *rows]) + "\r\n"
    (folder / "kxr_sq_bu00.txt").write_bytes(table.encode("latin-1"))
    return truth


def row(identity: str, side: int, project: str, barcode: str, grade: str, worded: bool) -> str:
    """A line of the table; the note in a column that is not used is Latin-1."""
    cells = dict.fromkeys(COLUMNS, "0")
    cells |= {"ID": identity, "SIDE": str(side), "READPRJ": project, "VERSION": "0.8"}
    cells |= {"V00BARCDBU": barcode, "V00XRKL": grade, "V00XRATTL": "0°"}
    if worded:
        cells["SIDE"] = {1: "1: Right", 2: "2: Left"}[side]
        cells["V00XRJSM"] = "1: Grade 1"
    return "|".join(cells.values())


def write_film(file: Path, film: np.ndarray, inverted: bool = False, n: int = 0) -> None:
    """A film without suffix; the spacing stands in one of two tags."""
    spacing = {("PixelSpacing", "ImagerPixelSpacing")[n % 3 == 0]: [SPACING, SPACING]}
    write_dicom(
        file,
        film.max() - film if inverted else film,
        SOPClassUID=CR,
        Modality="CR",
        PatientID=file.parts[-4],
        PhotometricInterpretation="MONOCHROME1" if inverted else "MONOCHROME2",
        BitsStored=12,
        HighBit=11,
        **spacing,
    )
