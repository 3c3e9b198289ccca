"""PNG, JPEG, TIFF, WebP, BMP and GIF files of every kind."""

import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from idsharp.datasets.errors import ImageRemark, UnreadableImageError
from idsharp.datasets.formats.pictures import read_image
from idsharp.tasks.images import standardize, to_uint8

LOSSY = ("jpg", "webp")


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [("L", "png"), ("RGB", "png"), ("RGBA", "png"), ("P", "png"), ("1", "png"), ("I;16", "png"),
     ("L", "jpg"), ("RGB", "jpg"), ("L", "tif"), ("I;16", "tif"), ("F", "tif"), ("1", "tif"),
     ("P", "tif"), ("L", "bmp"), ("RGB", "bmp"), ("1", "bmp"), ("P", "gif"), ("RGB", "webp")],
)  # fmt: skip
def test_files_of_every_kind(tmp_path, mode, suffix):
    ramp = np.tile(np.arange(40, dtype=np.uint8) * 6, (30, 1))
    if mode == "I;16":
        image = Image.fromarray(ramp.astype(np.uint16) * 200)
    elif mode == "F":
        image = Image.fromarray(ramp.astype(np.float32) / 1000)
    else:
        image = Image.fromarray(ramp).convert(mode)
    if suffix == "tif":
        pytest.importorskip("tifffile")
    image.save(tmp_path / f"image.{suffix}")
    pixels = read_image(tmp_path / f"image.{suffix}")
    assert pixels.shape[:2] == (30, 40)
    standard = standardize(pixels, 32, 1)
    assert standard.shape == (1, 32, 32)
    assert standard.dtype == np.uint8
    if mode != "1":
        expected = standardize(ramp, 32, 1).astype(int)
        assert abs(standard - expected).max() <= (16 if suffix in LOSSY or mode == "P" else 1)


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
    pytest.importorskip("tifffile")
    pages = [Image.fromarray(noise), Image.fromarray(noise)]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(UnreadableImageError, match="2 pages"):
        read_image(tmp_path / "pages.tif")


def write_deep_png(file, pixels, *chunks):
    """A PNG file of uint16 pixels H×W×2, 3 or 4, with further chunks (name, content)."""
    height, width, channels = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    all_chunks = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    content = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in all_chunks
    )
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + content)


def read_with_remarks(file):
    """The pixels, and the texts of the remarks on them."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pixels = read_image(file)
    return pixels, [str(one.message) for one in caught if issubclass(one.category, ImageRemark)]


@pytest.mark.parametrize("highest", [400, 65535])
def test_color_png_of_16_bits_keeps_them(tmp_path, highest):
    pytest.importorskip("imagecodecs")
    color = np.random.default_rng(0).integers(0, highest, (9, 7, 3), np.uint16, endpoint=True)
    write_deep_png(tmp_path / "rgb.png", color)
    opaque = np.full((9, 7, 1), 65535, np.uint16)
    write_deep_png(tmp_path / "rgba.png", np.concatenate([color, opaque], axis=2))
    write_deep_png(tmp_path / "la.png", np.concatenate([color[..., :1], opaque], axis=2))
    for name, expected in (("rgb", color), ("rgba", color), ("la", color[..., 0])):
        pixels, remarks = read_with_remarks(tmp_path / f"{name}.png")
        assert pixels.dtype == np.uint16
        assert (pixels == expected).all()
        assert remarks == []


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i2", "u4", "i4", "f2", "f4", "f8"])
def test_tiff_of_every_type(tmp_path, kind, order, compression):
    tifffile = pytest.importorskip("tifffile")
    pytest.importorskip("imagecodecs")
    rng, dtype = np.random.default_rng(0), np.dtype(kind)
    if dtype.kind == "f":
        values = rng.normal(0, 1000, (20, 30, 3)).astype(dtype)
    else:
        info = np.iinfo(dtype)
        values = rng.integers(info.min, info.max, (20, 30, 3), dtype, endpoint=True)
    options = {"byteorder": order, "compression": compression}
    for name, array in (("grey", values[..., 0]), ("color", values)):
        for planar in ("contig", "separate") if name == "color" else (None,):
            stored = np.moveaxis(array, 2, 0) if planar == "separate" else array
            photometric = "rgb" if name == "color" else "minisblack"
            tifffile.imwrite(
                tmp_path / "x.tif", stored, photometric=photometric, planarconfig=planar, **options
            )
            assert (read_image(tmp_path / "x.tif") == array).all()
    tifffile.imwrite(tmp_path / "x.tif", values[..., 0], photometric="miniswhite", **options)
    # The brightest pixel is the one with the lowest number, whatever the type.
    inverted = to_uint8(read_image(tmp_path / "x.tif"))
    lifted = values[..., 0].astype(np.float64)
    expected = (np.iinfo(dtype).max if dtype.kind == "u" else lifted.max()) - lifted
    assert (inverted == to_uint8(expected)).all()


def test_previews_in_a_tiff_are_no_pages(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    for dtype in (np.uint8, np.uint16):
        picture = np.arange(600, dtype=dtype).reshape(20, 30)
        with tifffile.TiffWriter(tmp_path / "x.tif") as writer:
            writer.write(picture)
            writer.write(picture[::4, ::4], subfiletype=1)
        pixels, remarks = read_with_remarks(tmp_path / "x.tif")
        assert (pixels == picture).all()
        assert remarks == []


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_further_channels_of_a_tiff_are_left_out_and_that_is_said(tmp_path, dtype):
    tifffile = pytest.importorskip("tifffile")
    values = np.arange(2000, dtype=dtype).reshape(20, 20, 5)
    for photometric, read in (("minisblack", values[..., 0]), ("rgb", values[..., :3])):
        extra = [0] * (5 - (read.ndim == 3) * 2 - 1)
        tifffile.imwrite(
            tmp_path / "x.tif", values[..., : 1 + len(extra)] if read.ndim == 2 else values,
            photometric=photometric, planarconfig="contig", extrasamples=extra,
        )  # fmt: skip
        pixels, remarks = read_with_remarks(tmp_path / "x.tif")
        assert (pixels == read).all()
        assert remarks == ["channels beyond grey or RGB were left out"]


@pytest.mark.parametrize("turn", range(1, 9))
def test_orientation_of_every_kind(tmp_path, turn):
    tifffile = pytest.importorskip("tifffile")
    pytest.importorskip("imagecodecs")
    small = np.arange(6, dtype=np.uint8).reshape(2, 3) * 40
    image = Image.fromarray(small)
    exif = image.getexif()
    exif[0x0112] = turn
    image.save(tmp_path / "small.png", exif=exif)
    expected = read_image(tmp_path / "small.png")
    deep = small.astype(np.uint16) * 100
    tags = [(274, "H", 1, turn, True)]
    tifffile.imwrite(tmp_path / "deep.tif", deep, extratags=tags, photometric="minisblack")
    assert (read_image(tmp_path / "deep.tif") == expected.astype(int) * 100).all()
    chunk = b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")
    write_deep_png(tmp_path / "deep.png", np.dstack([deep] * 3), chunk)
    assert (read_image(tmp_path / "deep.png")[..., 0] == expected.astype(int) * 100).all()


def test_transparent_parts_are_blended_with_black_and_said(tmp_path):
    rng = np.random.default_rng(0)
    color = rng.integers(0, 256, (6, 5, 3), dtype=np.uint8)
    alpha = rng.choice([0, 51, 255], (6, 5, 1)).astype(np.uint8)
    blended = np.rint(color * (alpha / 255)).astype(int)
    said = ["transparent parts were blended with black"]
    Image.fromarray(np.dstack([color, alpha])).save(tmp_path / "x.png")
    pixels, remarks = read_with_remarks(tmp_path / "x.png")
    assert remarks == said
    assert (pixels == blended).all()
    Image.fromarray(np.dstack([color[..., :1], alpha])).save(tmp_path / "grey.png")
    assert (read_with_remarks(tmp_path / "grey.png")[0] == blended[..., 0]).all()
    # One transparent color of a palette, or of grey.
    Image.fromarray(color[..., 0]).save(tmp_path / "one.png", transparency=int(color[0, 0, 0]))
    pixels, remarks = read_with_remarks(tmp_path / "one.png")
    assert remarks == said
    assert (pixels == np.where(color[..., 0] == color[0, 0, 0], 0, color[..., 0])).all()
    Image.fromarray(np.dstack([color, np.full_like(alpha, 255)])).save(tmp_path / "opaque.png")
    pixels, remarks = read_with_remarks(tmp_path / "opaque.png")
    assert remarks == []
    assert (pixels == color).all()


def test_transparent_parts_of_deep_pictures(tmp_path):
    pytest.importorskip("imagecodecs")
    rng = np.random.default_rng(0)
    color = rng.integers(0, 65536, (6, 5, 3), dtype=np.uint16)
    alpha = rng.choice([0, 13107, 65535], (6, 5, 1)).astype(np.uint16)
    write_deep_png(tmp_path / "x.png", np.dstack([color, alpha]))
    pixels, remarks = read_with_remarks(tmp_path / "x.png")
    assert (pixels == np.rint(color * (alpha / 65535))).all()
    assert len(remarks) == 1
    write_deep_png(tmp_path / "x.png", color, (b"tRNS", color[2, 3].astype(">u2").tobytes()))
    pixels, remarks = read_with_remarks(tmp_path / "x.png")
    assert len(remarks) == 1
    assert pixels[2, 3].tolist() == [0, 0, 0]
    assert (pixels[:2] == color[:2]).all()


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_of_an_animation_the_first_frame_is_read_and_that_is_said(tmp_path, suffix):
    frames = [Image.new("RGB", (8, 6), shade) for shade in ((200, 0, 0), (0, 200, 0))]
    frames[0].save(tmp_path / f"x.{suffix}", save_all=True, append_images=frames[1:])
    pixels, remarks = read_with_remarks(tmp_path / f"x.{suffix}")
    assert pixels.shape == (6, 8, 3)
    assert pixels[..., 0].min() > 150 > pixels[..., 1].max()
    assert remarks == ["only the first frame of each was read"]
