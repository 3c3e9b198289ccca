"""How `idsharp measure` measures."""

from dataclasses import dataclass

from idsharp.measure.audit import NEAR_THRESHOLD

#: Images measured at most, unless asked otherwise.
MAX_IMAGES = 7500


@dataclass(frozen=True)
class Options:
    """How to measure; the names are those of the command line.

    Attributes:
        size: pixels of a side; None keeps the images' own size where all are equal.
        channels: 1 or 3.
        scaling: "maximum" (each image by its own) or "none".
        k: neighbors of the MLE.
        max_images: images measured, at most.
        balanced: as many images of each class.
        m, draws: of label sharpness.
        near: root-mean-square difference below which images are near-duplicates.
        seed: of the choice of images and of the draws.
        skip_unreadable: go on without images that cannot be read.
        curves: also measure over k and over M.
    """

    size: int | None = None
    channels: int = 1
    scaling: str = "maximum"
    k: int = 20
    max_images: int = MAX_IMAGES
    balanced: bool = True
    m: int = 1000
    draws: int = 25
    near: float = NEAR_THRESHOLD
    seed: int = 0
    skip_unreadable: bool = False
    curves: bool = False
