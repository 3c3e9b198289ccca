"""Small MNIST, CIFAR and SVHN in the files that their authors publish."""

import gzip
import hashlib
import io
import struct
import tarfile
from pathlib import Path

import numpy as np

from idsharp.datasets.collections.torchvision import CIFAR

CIFAR10_CLASSES = [
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
]  # fmt: skip


def checksums(folder: Path) -> dict[str, str]:
    """The MD5 of every file of a folder, as a dataset's settings want them."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file.name: "md5:" + hashlib.md5(file.read_bytes()).hexdigest() for file in files}


def write_mnist(folder: Path, n: tuple[int, int] = (30, 20), zipped: bool = True) -> dict:
    """The four IDX files; returns images and labels by split."""
    folder.mkdir(parents=True, exist_ok=True)
    rng, written = np.random.default_rng(0), {}
    for split, prefix, number in (("train", "train", n[0]), ("test", "t10k", n[1])):
        images = rng.integers(0, 256, (number, 28, 28), dtype=np.uint8)
        labels = (np.arange(number) % 10).astype(np.uint8)
        write_idx(folder / f"{prefix}-images-idx3-ubyte", images, zipped)
        write_idx(folder / f"{prefix}-labels-idx1-ubyte", labels, zipped)
        written[split] = images, labels
    return written


def write_idx(file: Path, array: np.ndarray, zipped: bool = True) -> None:
    """Two zero bytes, type 8, number of axes, their lengths, the values."""
    content = struct.pack(f">I{array.ndim}I", 0x0800 | array.ndim, *array.shape) + array.tobytes()
    if zipped:
        file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(content))
    else:
        file.write_bytes(content)


def write_svhn(folder: Path, n: tuple[int, int] = (30, 20)) -> dict:
    """The two MATLAB files, compressed, with X 32×32×3×N and 10 for the digit zero."""
    from scipy.io import savemat

    folder.mkdir(parents=True, exist_ok=True)
    rng, written = np.random.default_rng(1), {}
    for split, number in zip(("train", "test"), n, strict=True):
        images = rng.integers(0, 256, (number, 32, 32, 3), dtype=np.uint8)
        digits = np.arange(number) % 10
        stored = {
            "X": np.ascontiguousarray(np.moveaxis(images, 0, 3)),
            "y": np.where(digits == 0, 10, digits).astype(np.uint8)[:, None],
        }
        savemat(folder / f"{split}_32x32.mat", stored, do_compression=True)
        written[split] = images, digits
    return written


def write_cifar(folder: Path, source: str = "CIFAR10", n: int = 10, packed: bool = True) -> dict:
    """The .tar.gz of CIFAR10 or CIFAR100, or its folder, with n images a batch.

    Returns images N×32×32×3 and class names by split.
    """
    cifar, rng = CIFAR[source], np.random.default_rng(2)
    classes = CIFAR10_CLASSES if source == "CIFAR10" else [f"kind_{i}" for i in range(100)]
    (meta,) = cifar.meta
    files, written = {meta: python2_pickle({cifar.classes: classes})}, {}
    for split, names in (("train", cifar.train), ("test", cifar.test)):
        images = rng.integers(0, 256, (n * len(names), 32, 32, 3), dtype=np.uint8)
        numbers = rng.integers(0, len(classes), len(images)).tolist()
        for i, name in enumerate(names):
            part = slice(i * n, (i + 1) * n)
            rows = images[part].transpose(0, 3, 1, 2).reshape(n, 3072)
            batch = {"batch_label": name, "data": rows, cifar.labels: numbers[part]}
            files[name] = python2_pickle(batch)
        written[split] = images, [classes[number] for number in numbers]
    folder.mkdir(parents=True, exist_ok=True)
    if packed:
        number = source.removeprefix("CIFAR")
        with tarfile.open(folder / f"cifar-{number}-python.tar.gz", "w:gz") as archive:
            for name, content in files.items():
                add_to_tar(archive, f"{cifar.folder}/{name}", content)
    else:
        (folder / cifar.folder).mkdir()
        for name, content in files.items():
            (folder / cifar.folder / name).write_bytes(content)
    return written


def add_to_tar(archive: tarfile.TarFile, name: str, content: bytes, **properties) -> None:
    """A member of a tar archive; properties are those of TarInfo."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for key, value in properties.items():
        setattr(member, key, value)
    archive.addfile(member, io.BytesIO(content))


def python2_pickle(value: object) -> bytes:
    """A pickle of protocol 2 as Python 2 writes it, where text is bytes (as CIFAR's files are)."""
    return b"\x80\x02" + _opcodes(value) + b"."


def _opcodes(value: object) -> bytes:
    if isinstance(value, dict):
        items = b"".join(_opcodes(key) + _opcodes(item) for key, item in value.items())
        return b"}(" + items + b"u"
    if isinstance(value, list):
        return b"](" + b"".join(_opcodes(item) for item in value) + b"e"
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value)
    if isinstance(value, str):
        return _text(value.encode("latin-1"))
    # An array of bytes: an empty one is made, then given its shape, type and values.
    made = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    shape = b"(" + b"".join(_opcodes(length) for length in value.shape) + b"t"
    kind = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNN" + _opcodes(-1) * 2 + b"K\x00tb"
    return made + b"(K\x01" + shape + kind + b"\x89" + _text(value.tobytes()) + b"tb"


def _text(content: bytes) -> bytes:
    return b"T" + struct.pack("<i", len(content)) + content
