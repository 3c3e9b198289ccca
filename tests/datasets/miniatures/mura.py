"""MURA in small: paths without a header, labels in the names of studies, CRLF or LF."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.datasets.miniatures.truth import Truth, picture

PARTS = ["ELBOW", "SHOULDER", "WRIST"]


def write(
    folder: Path, prefix: str = "MURA-v1.1/", home: str = "MURA-v1.1", end: str = "\r\n"
) -> Truth:
    """20 patients of train with two images of each of two studies, 4 patients of valid.

    Study 1 is positive for every other patient, study 2 negative. Sizes and channels vary.
    """
    truth = Truth(folder)
    seed = 0
    for part, people in (("train", range(1, 21)), ("valid", range(11185, 11189))):
        lines = []
        for number in people:
            patient = f"patient{number:05d}"
            for study, label in ((1, ["negative", "positive"][number % 2]), (2, "negative")):
                region = f"XR_{PARTS[(number + study) % 3]}"
                for image in (1, 2):
                    name = f"{part}/{region}/{patient}/study{study}_{label}/image{image}.png"
                    lines.append(prefix + name)
                    pixels = picture(seed, (40, 30 + seed % 9), 200).astype("uint8")
                    file = folder / home / name
                    file.parent.mkdir(parents=True, exist_ok=True)
                    stored = np.stack([pixels] * 3, axis=2) if seed % 4 == 0 else pixels
                    Image.fromarray(stored).save(file)
                    truth.add(name, pixels, label, patient)
                    seed += 1
        table = folder / home / f"{part}_image_paths.csv"
        table.write_bytes((end.join(lines) + end).encode())
    return truth
