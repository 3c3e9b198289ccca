"""Small folders in the layouts of ImageNet, CelebA and COCO."""

from pathlib import Path

import numpy as np
from PIL import Image

#: WordNet ids, with the lines of Kaggle's LOC_synset_mapping.txt.
SYNSETS = {
    "n01440764": "tench, Tinca tinca",
    "n01443537": "goldfish, Carassius auratus",
    "n02102040": "English springer, English springer spaniel",
}


def write_jpeg(file: Path, seed: int, grey: bool = False) -> None:
    """A smooth random JPEG of a size of its own."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (5, 6) if grey else (5, 6, 3), dtype=np.uint8)
    file.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(coarse).resize((40 + seed % 7, 48))
    image.save(file, "JPEG", quality=95)


def write_imagenet(train: Path, n: int = 6) -> None:
    """n images of each class, some of them grey, as in ILSVRC 2012."""
    for number, synset in enumerate(SYNSETS):
        for i in range(n):
            write_jpeg(train / synset / f"{synset}_{i * 37}.JPEG", 100 * number + i, grey=i == 1)


def write_flat(folder: Path, n: int = 6) -> None:
    """n numbered images without classes, as in img_align_celeba and train2017."""
    for i in range(1, n + 1):
        write_jpeg(folder / f"{i:06d}.jpg", i)
