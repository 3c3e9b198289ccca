"""Numeric arrays in MATLAB files of level 5 (version 7 and older, without HDF5).

scipy.io reads them too, but damaged files can end the process in its compiled reader, which trusts
the dimensions that they claim. The format is described in MathWorks' "MAT-File Format".
"""

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from idsharp.datasets.errors import FormatError
from idsharp.datasets.formats.parsing import parsing

_HEADER = 128  # bytes; the last two tell the byte order
_MATRIX, _COMPRESSED = 14, 15
#: How values are stored, which need not be the type of the array.
_STORED = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8",
}  # fmt: skip
_CLASSES = {
    6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8",
}  # fmt: skip
_COMPLEX = 0x0800


def read_mat(file: str | Path, names: list[str]) -> dict[str, np.ndarray]:
    """Those of these variables that a file holds and that are arrays of real numbers.

    Raises:
        FormatError: no such file, or damaged.
    """
    with parsing(file, "a MATLAB file", FormatError):
        content = memoryview(Path(file).read_bytes())
        order = {b"IM": "<", b"MI": ">"}.get(bytes(content[_HEADER - 2 : _HEADER]))
        if order is None:
            raise ValueError("its byte order is not given where level 5 gives it")
        found = {}
        for kind, part in _elements(content[_HEADER:], order):
            if kind == _COMPRESSED:
                inner = memoryview(zlib.decompress(part))
                kind, part = next(_elements(inner, order))
            if kind == _MATRIX:
                name, values = _array(part, order)
                if name in names and values is not None:
                    found[name] = values
        return found


def _elements(content: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Type and bytes of each element."""
    place = 0
    while place < len(content):
        kind, size = struct.unpack_from(f"{order}II", content, place)
        start = place + 8
        if kind >> 16:
            # Up to four bytes stand where the size of others does.
            kind, size, start = kind & 0xFFFF, kind >> 16, place + 4
        if start + size > len(content):
            raise ValueError(f"an element claims {size} bytes, {len(content) - start} follow")
        yield kind, content[start : start + size]
        # Compressed elements are not padded.
        place = start + size + (0 if kind == _COMPRESSED else -(start + size) % 8)


def _array(content: memoryview, order: str) -> tuple[str, np.ndarray | None]:
    """Name and values of a variable; None where these are no real numbers."""
    parts = _elements(content, order)
    (flags,) = struct.unpack_from(f"{order}I", next(parts)[1])
    shape = np.frombuffer(next(parts)[1], f"{order}i4").tolist()
    name = bytes(next(parts)[1]).decode("ascii")
    dtype = _CLASSES.get(flags & 0xFF)
    if dtype is None or flags & _COMPLEX:
        return name, None
    kind, stored = next(parts)
    values = np.frombuffer(stored, order + _STORED[kind])
    if min(shape) < 0 or math.prod(shape) != len(values):
        raise ValueError(f"{name} claims a shape of {shape} and holds {len(values)} values")
    return name, values.astype(dtype, copy=False).reshape(shape, order="F")
