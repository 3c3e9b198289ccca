"""RSNA intracranial haemorrhage detection in small: six rows an image, signed CT slices."""

from pathlib import Path

import numpy as np

from tests.datasets.miniatures.truth import Truth, picture
from tests.datasets.miniatures.xray_dicom import write_dicom

KINDS = ["epidural", "intraparenchymal", "intraventricular", "subarachnoid", "subdural", "any"]


def write(folder: Path, patients: int = 20, slices: int = 6) -> Truth:
    """20 patients with 6 slices each; of each the last three bleed, the last of all subarachnoid.

    The rows of the third image stand twice in the table. Those of one further image contradict
    each other, and of another further image one is missing. Corners are −2000, as outside the
    scanner's circle; every other slice has two windows.
    """
    truth, lines = Truth(folder), ["ID,Label"]
    for n in range(patients * slices):
        name, patient = f"ID_{n * 7919 % 104729:09x}", f"ID_{n // slices:08x}"
        bleeds, subarachnoid = n % slices >= slices // 2, n % slices == slices - 1
        said = {"subarachnoid": subarachnoid, "subdural": bleeds and not subarachnoid}
        rows = [f"{name}_{kind},{int(said.get(kind, kind == 'any' and bleeds))}" for kind in KINDS]
        lines += rows * 2 if n == 2 else rows
        stored = picture(n, (48, 48), 2500).astype(np.int16)
        stored[:6, :6] = -2000
        windows = {"WindowCenter": [40, 600], "WindowWidth": [80, 2800]}
        if n % 2:
            windows = {"WindowCenter": 30, "WindowWidth": 80}
        write_dicom(
            folder / "stage_2_train" / f"{name}.dcm",
            stored,
            SOPInstanceUID=name,
            Modality="CT",
            PatientID=patient,
            RescaleIntercept=-1024,
            RescaleSlope=1,
            **windows,
        )
        hounsfield = np.maximum(stored.astype(float) - 1024, -1024)
        truth.add(name, hounsfield, str(int(bleeds)), patient)
    lines += [f"ID_0000000ff_{kind},0" for kind in KINDS] + ["ID_0000000ff_any,1"]
    lines += [f"ID_0000000fe_{kind},0" for kind in KINDS[:-1]]
    (folder / "stage_2_train.csv").write_text("\n".join(lines) + "\n")
    return truth
