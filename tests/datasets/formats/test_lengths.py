"""Lengths that files claim and do not have: nothing is allocated for them."""

import io
import struct
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from idsharp.datasets.errors import UnreadableImageError
from idsharp.datasets.formats.dicom import frames_and_patient, read_dicom
from idsharp.datasets.formats.parsing import BoundedFile
from idsharp.datasets.formats.pictures import read_image
from tests.datasets.miniatures.dicom import GRADIENT, write_dicom

LONG = 2**31 - 2


@pytest.fixture
def little_memory():
    """Fails where over 32 MiB are allocated."""
    tracemalloc.start()
    yield
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2**25


def overwrite(file, place, content):
    with open(file, "r+b") as stream:
        stream.seek(place)
        stream.write(content)


def test_a_bounded_file_reads_as_any_other(tmp_path, little_memory):
    (tmp_path / "x").write_bytes(bytes(range(100)))
    with BoundedFile(tmp_path / "x") as stream:
        assert stream.read(3) == b"\0\1\2"
        assert stream.read(LONG) == bytes(range(3, 100))
        stream.seek(98)
        assert stream.read() == b"bc"
        assert str(stream) == repr(str(tmp_path / "x"))


def test_a_long_element_of_dicom(tmp_path, little_memory):
    write_dicom(tmp_path / "x.dcm", GRADIENT, PatientComments="remark" * 4)
    start = (tmp_path / "x.dcm").read_bytes().index(b"LT\x18\0") + 2
    # A text with 16 bits of length becomes one of 32 bits, and claims two gigabytes.
    overwrite(tmp_path / "x.dcm", start - 2, b"UT\0\0" + struct.pack("<I", LONG))
    frames_and_patient(tmp_path / "x.dcm")
    with pytest.raises(UnreadableImageError, match=r"x\.dcm"):
        read_dicom(tmp_path / "x.dcm")


def test_a_long_chunk_of_png(tmp_path, little_memory):
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "x.png")
    start = (tmp_path / "x.png").read_bytes().index(b"IDAT")
    overwrite(tmp_path / "x.png", start - 4, struct.pack(">I", LONG))
    assert (read_image(tmp_path / "x.png") == 0).all()


@pytest.mark.parametrize("tag", [279, 325], ids=["strip", "tile"])
def test_a_long_part_of_tiff(tmp_path, little_memory, tag):
    write_tiff(tmp_path / "x.tif", tag, LONG)
    assert (read_image(tmp_path / "x.tif") == 0).all()


def test_large_tiles_of_tiff(tmp_path, little_memory):
    write_tiff(tmp_path / "x.tif", 322, 2**24)
    with pytest.raises(UnreadableImageError, match=r"x\.tif: claims tiles of 16×16777216 pixels"):
        read_image(tmp_path / "x.tif")


@pytest.mark.parametrize("tile", [(16, 16), None], ids=["tile", "strip"])
def test_a_large_code_stream_in_tiff(tmp_path, little_memory, tile):
    tifffile = pytest.importorskip("tifffile")
    pixels = np.arange(16 * 16 * 3, dtype=np.uint16).reshape(16, 16, 3)
    tifffile.imwrite(tmp_path / "x.tif", pixels, tile=tile, compression="jpeg2000")
    assert (read_image(tmp_path / "x.tif") == pixels).all()
    start = (tmp_path / "x.tif").read_bytes().index(b"\xff\x4f\xff\x51")
    overwrite(tmp_path / "x.tif", start + 12, struct.pack(">I", 2**19))
    with pytest.raises(UnreadableImageError, match=r"x\.tif: a part of 16×16 pixels claims 5242"):
        read_image(tmp_path / "x.tif")


def test_pages_of_tiff_that_follow_one_another_in_a_circle(tmp_path, little_memory):
    write_tiff(tmp_path / "x.tif", 322, 16)
    content = (tmp_path / "x.tif").read_bytes()
    (start,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, start)
    # A second list of tags, whose next is again the second.
    second = struct.pack("<HHHIII", 1, 256, 4, 1, 8, len(content))
    overwrite(tmp_path / "x.tif", start + 2 + 12 * entries, struct.pack("<I", len(content)))
    overwrite(tmp_path / "x.tif", len(content), second)
    with pytest.raises(UnreadableImageError, match=r"x\.tif: holds \d+ pages"):
        read_image(tmp_path / "x.tif")


def write_tiff(file, tag, value):
    """A TIFF of zeros, 8×8 pixels, where one tag has another value."""
    tifffile = pytest.importorskip("tifffile")
    stream, tile = io.BytesIO(), None if tag == 279 else (16, 16)
    tifffile.imwrite(stream, np.zeros((8, 8), np.uint16), tile=tile, compression="zlib")
    file.write_bytes(stream.getvalue())
    with tifffile.TiffFile(file) as written:
        entry = written.pages[0].tags[tag].offset
    # An entry is a code, a type (4: 32 bits), a count and the value.
    overwrite(file, entry + 2, struct.pack("<HII", 4, 1, value))
