"""CheXpert in small: its header and values, three path prefixes, one folder or four batches."""

from pathlib import Path

from PIL import Image

from tests.datasets.miniatures.truth import Truth, picture

HEADER = (
    "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Enlarged Cardiomediastinum,Cardiomegaly,"
    "Lung Opacity,Lung Lesion,Edema,Consolidation,Pneumonia,Atelectasis,Pneumothorax,"
    "Pleural Effusion,Pleural Other,Fracture,Support Devices"
)

# As the tables write them, and as the index does.
VALUES = {"": "blank", "-1.0": "-1", "0.0": "0", "1.0": "1"}

BATCHES = ["CheXpert-v1.0 batch 1 (validate & csv)", "CheXpert-v1.0 batch 2 (train 1)",
           "CheXpert-v1.0 batch 3 (train 2)"]  # fmt: skip


def write(
    folder: Path, prefix: str = "CheXpert-v1.0-small/", batches: bool = False, patients: int = 24
) -> Truth:
    """24 patients of train with two frontal images and a lateral one each, 3 patients of valid.

    The effusion of train goes through blank, −1, 1, 0, 1, 1; edema is present in every fourth.
    """
    truth = Truth(folder)
    home = folder / BATCHES[0] if batches else folder / prefix
    home.mkdir(parents=True, exist_ok=True)
    effusions, seed = ["", "-1.0", "1.0", "0.0", "1.0", "1.0"], 0
    for part, people in (("train", range(1, patients + 1)), ("valid", range(64541, 64544))):
        lines = [HEADER]
        for number in people:
            patient = f"patient{number:05d}"
            for study, view in ((1, "view1_frontal"), (1, "view2_lateral"), (2, "view1_frontal")):
                name = f"{part}/{patient}/study{study}/{view}.jpg"
                effusion = effusions[seed % 6] if part == "train" else ["0.0", "1.0"][seed % 2]
                edema = "1.0" if seed % 4 == 0 else ["", "0.0", "-1.0"][seed % 3]
                direction = "Frontal,AP" if "frontal" in view else "Lateral,"
                lines.append(
                    f"{prefix}{name},Female,68,{direction},,,,,,{edema},,,,0.0,{effusion},,,1.0"
                )
                pixels = picture(seed, (39, 32), 255).astype("uint8")
                file = home / name
                if batches and part == "train":
                    file = folder / BATCHES[1 + number % 2] / name.removeprefix("train/")
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(file, quality=95)
                truth.add(name, pixels, VALUES[effusion], patient)
                seed += 1
        (home / f"{part}.csv").write_text("\n".join(lines) + "\n")
    return truth
