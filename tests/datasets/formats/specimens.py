"""A small valid file of every format that is parsed, and what parses it."""

import contextlib
import gzip
import io
import shutil
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from scipy.io import savemat

from idsharp.common.progress import SILENT
from idsharp.datasets.download import nbia
from idsharp.datasets.download.unpack import unpack
from idsharp.datasets.formats.mnist_cifar_svhn import (
    cifar_images,
    read_cifar_archive,
    read_idx,
    read_svhn,
)
from idsharp.datasets.formats.pictures import read_image
from idsharp.datasets.formats.spreadsheets import read_table
from idsharp.measure.inputs import open_path
from tests.datasets.miniatures.dicom import GRADIENT, write_dicom
from tests.datasets.miniatures.nifti import VOLUME, write_nifti
from tests.datasets.miniatures.torchvision_files import write_cifar, write_idx, write_svhn

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (24, 32), dtype=np.uint8)
COLOR = RNG.integers(0, 256, (24, 32, 3), dtype=np.uint8)
DEEP = COLOR.astype(np.uint16) * 257


@dataclass(frozen=True)
class Specimen:
    """A file to be damaged.

    Attributes:
        name: of the file; unique.
        content: the bytes that are damaged.
        read: parses a file as the library does.
        wrap: makes the file of the damaged bytes, where damage would end at a checksum otherwise.
        reserves: the parser reserves as much memory as it is told, and touches no more than it
            needs.
    """

    name: str
    content: bytes
    read: Callable[[Path], object]
    wrap: Callable[[bytes], bytes] = bytes
    reserves: bool = False


def specimens() -> Iterator[Specimen]:
    """All of them."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _pictures()
        yield from _tiff()
        yield from _dicom(Path(folder))
        yield from _arrays(Path(folder))
        yield from _collections(Path(folder))
        yield from _tables()
        yield from _archives()


def _pictures() -> Iterator[Specimen]:
    import imagecodecs

    palette = Image.fromarray(COLOR).convert("P")
    several = {"save_all": True, "append_images": [palette.rotate(180)]}
    exif = Image.Exif()
    exif[0x0112] = 6
    for name, image, options in (
        ("grey.png", Image.fromarray(GREY), {}),
        ("color.png", Image.fromarray(COLOR), {}),
        ("palette.png", palette, {"transparency": 3}),
        ("color.jpg", Image.fromarray(COLOR), {"exif": exif}),
        ("progressive.jpg", Image.fromarray(COLOR), {"progressive": True}),
        ("cmyk.jpg", Image.fromarray(COLOR).convert("CMYK"), {}),
        ("lossy.webp", Image.fromarray(COLOR), {}),
        ("lossless.webp", Image.fromarray(COLOR).convert("RGBA"), {"lossless": True}),
        ("color.bmp", Image.fromarray(COLOR), {}),
        ("palette.bmp", palette, {}),
        ("frames.gif", palette, several),
    ):
        stream = io.BytesIO()
        image.save(stream, name.rpartition(".")[2].replace("jpg", "jpeg"), **options)
        yield Specimen(name, stream.getvalue(), read_image)
        if name.endswith(".png"):
            yield Specimen(f"mended_{name}", stream.getvalue(), read_image, with_checksums)
    for name, pixels in (("deep.png", DEEP), ("deep_alpha.png", np.dstack([DEEP, DEEP[..., 0]]))):
        content = imagecodecs.png_encode(pixels)
        yield Specimen(name, content, read_image)
        yield Specimen(f"mended_{name}", content, read_image, with_checksums)


def _tiff() -> Iterator[Specimen]:
    import tifffile

    for name, pixels, options in (
        ("grey8.tif", GREY, {}),
        ("deep.tif", DEEP, {}),
        ("big.tif", DEEP, {"bigtiff": True, "byteorder": ">"}),
        ("float.tif", GREY.astype(np.float32), {"compression": "zlib", "predictor": True}),
        ("tiled.tif", DEEP, {"tile": (16, 16)}),
        ("tiled_zlib.tif", DEEP, {"tile": (16, 16), "compression": "zlib"}),
        ("lzw.tif", DEEP[..., 0], {"compression": "lzw"}),
        ("packbits.tif", DEEP[..., 0], {"compression": "packbits"}),
        ("zstd.tif", DEEP, {"compression": "zstd"}),
        ("jpeg.tif", COLOR, {"compression": "jpeg", "tile": (16, 16)}),
        ("jpeg2000.tif", DEEP, {"compression": "jpeg2000", "tile": (16, 16)}),
        ("planes.tif", np.moveaxis(DEEP, 2, 0), {"planarconfig": "separate", "photometric": "rgb"}),
        ("white.tif", DEEP[..., 0], {"photometric": "miniswhite"}),
    ):
        stream = io.BytesIO()
        tifffile.imwrite(stream, pixels, **options)
        yield Specimen(name, stream.getvalue(), read_image)


def _dicom(folder: Path) -> Iterator[Specimen]:
    frames = np.stack([GRADIENT, GRADIENT + 1])
    lut = {"PhotometricInterpretation": "MONOCHROME1", "RescaleSlope": "2", "RescaleIntercept": "1"}
    for name, pixels, compression, tags in (
        ("plain.dcm", GRADIENT, None, {"PatientID": "P7"}),
        ("frames.dcm", frames, None, {}),
        ("dark.dcm", GRADIENT, None, lut),
        ("color.dcm", COLOR, None, {}),
        ("deflated.dcm", GRADIENT, "DeflatedExplicitVRLittleEndian", {}),
        ("rle.dcm", frames, "RLELossless", {}),
        ("jpeg2000.dcm", frames, "JPEG2000Lossless", {}),
        ("jpeg_ls.dcm", GRADIENT, "JPEGLSLossless", {}),
    ):
        # Not every codec is there to write with.
        with contextlib.suppress(RuntimeError, NotImplementedError):
            write_dicom(folder / name, pixels, compression, **tags)
            yield Specimen(name, (folder / name).read_bytes(), _open)


def _arrays(folder: Path) -> Iterator[Specimen]:
    for name, values in (("volume.nii", VOLUME), ("channels.nii.gz", np.stack([VOLUME] * 2, 3))):
        write_nifti(folder / name, values)
        yield Specimen(name, (folder / name).read_bytes(), _open)
    plain = (folder / "volume.nii").read_bytes()
    yield Specimen("zipped.nii.gz", plain, _open, gzip.compress)
    np.save(folder / "images.npy", COLOR[None])
    array = (folder / "images.npy").read_bytes()
    yield Specimen("images.npy", array, _open)
    labels = io.BytesIO()
    np.save(labels, np.array([1]))
    for name, images in (("medmnist.npz", "train_images"), ("plain.npz", "images")):
        members = {f"{images}.npy": array, f"{images.replace('images', 'labels')}.npy": None}
        members = {key: content or labels.getvalue() for key, content in members.items()}
        yield Specimen(name, zipped(members), _open)
        for member, content in members.items():
            # The array inside is damaged, and the archive around it whole.
            wrap = lambda damaged, all_=members, m=member: zipped(all_ | {m: damaged})  # noqa: E731
            yield Specimen(f"{member}_of_{name}", content, _open, wrap)


def _collections(folder: Path) -> Iterator[Specimen]:
    write_idx(folder / "images-idx3-ubyte", GREY[None], zipped=False)
    content = (folder / "images-idx3-ubyte").read_bytes()
    yield Specimen("images-idx3-ubyte", content, read_idx)
    yield Specimen("images-idx3-ubyte.gz", gzip.compress(content), read_idx)
    yield Specimen("mended-images-idx3-ubyte.gz", content, read_idx, gzip.compress)
    write_svhn(folder, (2, 1))
    yield Specimen("train_32x32.mat", (folder / "train_32x32.mat").read_bytes(), read_svhn)
    plain = io.BytesIO()
    savemat(plain, {"X": np.zeros((32, 32, 3, 1), np.uint8), "y": np.ones((1, 1), np.uint8)})
    yield Specimen("plain_32x32.mat", plain.getvalue(), read_svhn)
    write_cifar(folder, n=1)
    content = (folder / "cifar-10-python.tar.gz").read_bytes()
    yield Specimen("cifar-10-python.tar.gz", content, _cifar, reserves=True)
    plain = gzip.decompress(content)
    yield Specimen("mended-cifar-10.tar.gz", plain, _cifar, gzip.compress, reserves=True)


def _tables() -> Iterator[Specimen]:
    text = b"path,label,patient\na/1.png,cat,p1\nb/2.png,dog,p2\n"
    yield Specimen("list.csv", text, lambda file: open_path(file)[1].index())
    yield Specimen("table.csv", text, _table)
    yield Specimen("table.txt", "Größe|Name\n1|ä\n".encode("latin-1"), _table)
    stream = io.BytesIO()
    frame = pd.DataFrame({"Patient ID": ["001", None], "Row": [7.0, 2.5], "on": [True, False]})
    frame.to_excel(stream, index=False)
    yield Specimen("table.xlsx", stream.getvalue(), _table)
    with zipfile.ZipFile(stream) as stored:
        members = {name: stored.read(name) for name in stored.namelist()}
    for member, content in members.items():
        wrap = lambda damaged, m=member: zipped(members | {m: damaged})  # noqa: E731
        yield Specimen(f"{member.replace('/', '_')}_of_table.xlsx", content, _table, wrap)


def _archives() -> Iterator[Specimen]:
    files = {"a/1.png": b"one" * 200, "b/2.png": b"two"}
    for name, compression in (
        ("stored.zip", zipfile.ZIP_STORED), ("deflated.zip", zipfile.ZIP_DEFLATED),
        ("bzip2.zip", zipfile.ZIP_BZIP2), ("lzma.zip", zipfile.ZIP_LZMA),
    ):  # fmt: skip
        reserves = compression == zipfile.ZIP_LZMA
        yield Specimen(name, zipped(files, compression), _unpack, reserves=reserves)
    for mode in ("", "gz", "bz2", "xz"):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode=f"w:{mode}") as archive:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        name = f"files.tar.{mode}".rstrip(".")
        yield Specimen(name, stream.getvalue(), _unpack)
        if mode == "gz":
            plain = gzip.decompress(stream.getvalue())
            yield Specimen("mended.tar.gz", plain, _unpack, gzip.compress)
    image = b"DICM" * 50
    sums = f"Filename,MD5Hash\n1.dcm,{nbia.hashlib.md5(image).hexdigest()}\n".encode()
    for name, compression in (("nbia.zip", zipfile.ZIP_DEFLATED), ("nbia_stored.zip", 0)):
        members = {"1.dcm": image, "md5hashes.csv": sums}
        yield Specimen(name, zipped(members, compression), _nbia)
    wrap = lambda damaged: zipped({"1.dcm": image, "md5hashes.csv": damaged})  # noqa: E731
    yield Specimen("md5hashes_of_nbia.zip", sums, _nbia, wrap)


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive of these files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def with_checksums(png: bytes) -> bytes:
    """A PNG file whose chunks have right checksums, as far as its chunks can be told apart."""
    mended, place = bytearray(png), 8
    while place + 12 <= len(png):
        end = place + 8 + struct.unpack_from(">I", png, place)[0]
        if end + 4 > len(png):
            break
        struct.pack_into(">I", mended, end, zlib.crc32(png[place + 4 : end]))
        place = end + 4
    return bytes(mended)


def _open(file: Path) -> None:
    """What `idsharp measure` does with a file: the index, and a few images of it."""
    _, dataset = open_path(file)
    for where in dataset.index()["where"][:3]:
        dataset.read(where)


def _cifar(file: Path) -> None:
    names = ["data_batch_1", "test_batch"]
    for name, batch in read_cifar_archive(file, "cifar-10-batches-py", names).items():
        cifar_images(batch, "labels", f"{file}: {name}")


def _table(file: Path) -> pd.DataFrame:
    return read_table(file, dataset="mine")


def _unpack(file: Path) -> None:
    folder = file.with_name("unpacked")
    try:
        unpack(file, folder, SILENT)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _nbia(file: Path) -> None:
    series = nbia.Series(file.name, "1", "p1", "", 1, 1, 200)
    folder = file.with_name("unpacked")
    folder.mkdir()
    try:
        nbia._unpack(file, folder, series)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
