"""PNG, JPEG and TIFF files of every kind."""

import numpy as np
import pytest
from PIL import Image

from idsharp.datasets.errors import UnreadableImageError
from idsharp.datasets.formats.pictures import read_image
from idsharp.tasks.images import standardize


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [("L", "png"), ("RGB", "png"), ("RGBA", "png"), ("P", "png"), ("1", "png"), ("I;16", "png"),
     ("L", "jpg"), ("RGB", "jpg"), ("L", "tif"), ("I;16", "tif"), ("F", "tif")],
)  # fmt: skip
def test_files_of_every_kind(tmp_path, mode, suffix):
    ramp = np.tile(np.arange(40, dtype=np.uint8) * 6, (30, 1))
    if mode == "I;16":
        image = Image.fromarray(ramp.astype(np.uint16) * 200)
    elif mode == "F":
        image = Image.fromarray(ramp.astype(np.float32) / 1000)
    else:
        image = Image.fromarray(ramp).convert(mode)
    image.save(tmp_path / f"image.{suffix}")
    pixels = read_image(tmp_path / f"image.{suffix}")
    assert pixels.shape[:2] == (30, 40)
    standard = standardize(pixels, 32, 1)
    assert standard.shape == (1, 32, 32)
    assert standard.dtype == np.uint8
    if mode != "1":
        expected = standardize(ramp, 32, 1).astype(int)
        assert abs(standard - expected).max() <= (16 if suffix == "jpg" or mode == "P" else 1)


def test_exif_orientation_is_applied(tmp_path):
    image = Image.fromarray(np.zeros((10, 20), np.uint8))
    exif = image.getexif()
    exif[0x0112] = 6  # rotate by 90 degrees to show
    image.save(tmp_path / "turned.jpg", exif=exif)
    assert read_image(tmp_path / "turned.jpg").shape == (20, 10)


def test_unreadable_files_are_named(tmp_path):
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("not an image")
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "whole.png")
    whole = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    for name in ("empty.png", "text.png", "cut.png", "missing.png"):
        with pytest.raises(UnreadableImageError, match=name):
            read_image(tmp_path / name)
    pages = [Image.fromarray(noise), Image.fromarray(noise)]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(UnreadableImageError, match="2 pages"):
        read_image(tmp_path / "pages.tif")
