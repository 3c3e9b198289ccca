"""Heights and widths that files claim and do not have: refused before memory is taken for them."""

import io
import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from idsharp.datasets.errors import UnreadableImageError
from idsharp.datasets.formats.pictures import read_image
from tests.datasets.formats.specimens import with_checksums

tifffile = pytest.importorskip("tifffile")
pytest.importorskip("imagecodecs")

#: Address space that reading may take beyond what the process has; the files claim 500 MB and more.
MEMORY = 2**28
GREY = np.arange(768, dtype=np.uint8).reshape(24, 32)
TALL = 2**22 + 24


def png(folder):
    stream = io.BytesIO()
    Image.fromarray(GREY).convert("P").save(stream, "png", transparency=3)
    content = bytearray(stream.getvalue())
    struct.pack_into(">I", content, 20, TALL)
    return write(folder / "palette.png", with_checksums(bytes(content)))


def gif(folder):
    stream, image = io.BytesIO(), Image.fromarray(GREY)
    image.save(stream, "gif", save_all=True, append_images=[image.rotate(180)])
    content = bytearray(stream.getvalue())
    # The logical screen; the frames on it stay small.
    struct.pack_into("<HH", content, 6, 26144, 6144)
    return write(folder / "screen.gif", content)


def tall_tiff(folder):
    return tiff(folder / "float.tif", GREY.astype(np.float32), TALL, compression="zlib")


def tiff_of_bytes(folder):
    return tiff(folder / "bytes.tif", GREY, TALL, compression="zlib")


def tiff_of_many_heights(folder):
    # The value is then where in the file the 65 numbers are.
    color = np.dstack([GREY] * 3)
    return tiff(folder / "jpeg.tif", color, 8, 65, compression="jpeg", tile=(16, 16))


WRITERS = (png, gif, tall_tiff, tiff_of_bytes, tiff_of_many_heights)


def tiff(file, pixels, height, count=1, **options):
    """A TIFF file whose height is overwritten."""
    tifffile.imwrite(file, pixels, **options)
    with tifffile.TiffFile(file) as written:
        entry = written.pages[0].tags[257].offset
    content = bytearray(file.read_bytes())
    # An entry is a code, a type (4: 32 bits), a count and the value.
    struct.pack_into("<HII", content, entry + 2, 4, count, height)
    return write(file, content)


def write(file, content):
    file.write_bytes(content)
    return file


PROGRAM = """
import json, resource, sys
from pathlib import Path
import imagecodecs, tifffile
from idsharp.datasets.errors import UnreadableImageError
from idsharp.datasets.formats.pictures import read_image

memory, good, *damaged = sys.argv[1:]
read_image(good)
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(memory),) * 2)
for file in damaged:
    try:
        read_image(file)
        print(json.dumps("read"))
    except UnreadableImageError as error:
        print(json.dumps(str(error)))
"""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux's /proc")
def test_small_files_take_little_memory_whatever_their_headers_claim(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "good.png")
    files = [writer(tmp_path) for writer in WRITERS]
    command = [sys.executable, "-c", PROGRAM, str(MEMORY), tmp_path / "good.png", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for file, message in zip(files, map(json.loads, done.stdout.splitlines()), strict=True):
        assert message.startswith(f"{file}: ")
        assert "damaged, so copy or save it again" in message


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_tiff_without_compression_holds_what_it_claims(tmp_path, dtype):
    pixels = np.ones((64, 64), dtype)
    assert (read_image(tiff(tmp_path / "x.tif", pixels, 64)) == 1).all()
    with pytest.raises(UnreadableImageError, match=r"x\.tif: claims 640×64 pixels, too many"):
        read_image(tiff(tmp_path / "x.tif", pixels, 640))


@pytest.mark.parametrize("suffix", ["png", "gif", "tif", "jpg", "webp"])
def test_large_pictures_are_read_even_blank_ones(tmp_path, suffix):
    large = np.zeros((3000, 2000), np.uint8)
    options = {"compression": "tiff_adobe_deflate"} if suffix == "tif" else {}
    Image.fromarray(large).save(tmp_path / f"x.{suffix}", **options)
    assert (tmp_path / f"x.{suffix}").stat().st_size < large.size / 64
    assert read_image(tmp_path / f"x.{suffix}").shape[:2] == (3000, 2000)
