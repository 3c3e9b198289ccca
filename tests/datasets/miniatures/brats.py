"""Small brain volumes in the layouts of BraTS and of the Medical Segmentation Decathlon."""

from pathlib import Path

import numpy as np
import pytest

#: As BraTS stores volumes: the first axis runs to the left, the second to the back; 5 mm voxels.
AFFINE = np.array([[-5.0, 0, 0, 0], [0, -5, 0, 239], [0, 0, 5, 0], [0, 0, 0, 1]])
SIZE, DEPTH = 40, 48
#: Slices with brain, and those of them with tumour unless a case says otherwise.
BRAIN, TUMOUR = range(4, 44), range(6, 14)


def volumes(seed: int, tumour=TUMOUR, affine=AFFINE) -> dict[str, np.ndarray]:
    """The four sequences and the segmentation of one case, as arrays."""
    pytest.importorskip("nibabel")
    rng = np.random.default_rng(seed)
    x, y = np.ogrid[:SIZE, :SIZE]
    # 11 300 mm², of which the mask keeps more than 7000.
    inside = (x - SIZE / 2) ** 2 + (y - SIZE / 2) ** 2 <= 12**2
    brain = np.zeros((SIZE, SIZE, DEPTH), bool)
    brain[:, :, BRAIN.start : BRAIN.stop] = inside[:, :, None]
    case = {}
    for number, sequence in enumerate(("flair", "t1", "t1ce", "t2")):
        values = rng.integers(200, 900, brain.shape) + 100 * number
        case[sequence] = np.where(brain, values, 0).astype(np.int16)
    case["seg"] = np.zeros(brain.shape, np.uint8)
    case["seg"][14:20, 15:22, list(tumour)] = rng.choice([1, 2, 4], (6, 7, len(tumour)))
    return case


def save(file: Path, values: np.ndarray, affine: np.ndarray = AFFINE) -> None:
    """Write one NIfTI file."""
    nibabel = pytest.importorskip("nibabel")
    file.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values, affine), file)


def write_case(
    folder: Path, case: dict[str, np.ndarray], suffix=".nii.gz", affine=AFFINE, names=None
) -> None:
    """Write the files of a BraTS case; `names` says what ends a file's name, `_flair` and so on."""
    for kind, values in case.items():
        ending = (names or {}).get(kind, f"_{kind}")
        save(folder / f"{folder.name}{ending}{suffix}", values, affine)


def write_brats2018(root: Path, n: int = 4) -> dict[str, dict[str, np.ndarray]]:
    """Cases in HGG and LGG by turns; the arrays by case."""
    cases = {}
    for number in range(n):
        name = f"Brats18_2013_{number}_1"
        cases[name] = volumes(number)
        write_case(root / ("HGG", "LGG")[number % 2] / name, cases[name])
    (root / "survival_data.csv").write_text("Brats18ID,Age,Survival\n")
    return cases


def write_msd(root: Path, n: int = 3) -> dict[str, dict[str, np.ndarray]]:
    """Task01_BrainTumour with the leftovers of a Mac that its archive holds."""
    cases = {}
    for number in range(1, n + 1):
        name = f"BRATS_{number:03d}"
        cases[name] = volumes(number)
        sequences = [cases[name][sequence] for sequence in ("flair", "t1", "t1ce", "t2")]
        save(root / "imagesTr" / f"{name}.nii.gz", np.stack(sequences, axis=3))
        save(root / "labelsTr" / f"{name}.nii.gz", cases[name]["seg"])
        for folder in ("imagesTr", "labelsTr"):
            (root / folder / f"._{name}.nii.gz").write_bytes(b"\0\5\26\7Mac OS X")
    save(root / "imagesTs" / "BRATS_485.nii.gz", np.zeros((4, 4, 4, 4), np.int16))
    (root / "dataset.json").write_text("{}")
    return cases
