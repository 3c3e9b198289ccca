"""Exact neighbors of 8-bit data from integer matrix products.

‖a−b‖² = ‖a‖² + ‖b‖² − 2a·b is free of rounding in integers. `x XOR 128`, read as int8, is x − 128,
which preserves distances. `torch._int_mm` multiplies int8 matrices with int32 sums, four times as
fast as float32 on processors and graphics cards that have an instruction for it (AVX512-VNNI and
the like). Without that instruction it saturates on some processors and silently returns wrong sums.
`has_integer_product` detects this; float32 products of a few columns at a time, also exact, are
then used instead.
"""

import warnings
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from idsharp.common.progress import SILENT, Reporter
from idsharp.properties.neighbors.ranking import packed

# Columns per int32 sum. 131 072 products of −128 · −128 would reach 2³¹; half as many leave room
# for the half norms that `_within` subtracts.
COLUMNS = 65_536
# Columns per float32 sum: 1024 · 128² = 2²⁴, up to which float32 represents every integer.
FLOAT_COLUMNS = 1024
# A block's product with itself is symmetric: above this size, only one half is computed.
_SYMMETRIC_LEAF = 256
# If more than one in this many pairs may be neighbors, the whole block is ranked.
_SPARSE = 8
_NEVER = torch.iinfo(torch.int64).max


@lru_cache
def has_integer_product(device: torch.device) -> bool:
    """Whether `torch._int_mm` exists on this device and is correct for the largest values.

    On x86 without VNNI, oneDNN adds pairs of products in 16 bits, which saturate.
    """
    random = np.random.default_rng(0).integers(0, 2, (64, 328)) * 255 - 128
    cases = np.stack([random, np.full_like(random, -128), np.full_like(random, 127)])
    for a in cases:
        for b in cases:
            left, right = (torch.from_numpy(x.astype(np.int8)).to(device) for x in (a, b))
            try:
                found = torch._int_mm(left, right.T).cpu().numpy()
            except (AttributeError, NotImplementedError, RuntimeError):
                return False
            if not (found == a @ b.T).all():
                return False
    return True


def integer_products(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Exact a·bᵀ of int8 matrices of m×width and n×width, on the device that will rank them.

    Returns:
        m×n, int32 for up to `COLUMNS` columns (no value exceeds 2³⁰), otherwise int64.
    """
    width = a.shape[1]
    multiply = _int8_product if has_integer_product(a.device) else _float_product
    # Other devices lack parts of int64 arithmetic; for them, ranking takes place on the CPU.
    ranked_on = a.device if a.device.type in ("cpu", "cuda") else torch.device("cpu")
    if width <= COLUMNS:
        return multiply(a, b).to(ranked_on)
    total = torch.zeros(len(a), len(b), dtype=torch.int64, device=ranked_on)
    # Parts of equal width that are multiples of a cache line.
    step = -(-width // -(-width // COLUMNS))
    step = min(COLUMNS, -(-step // 64) * 64)
    for start in range(0, width, step):
        part = slice(start, start + step)
        total += multiply(a[:, part], b[:, part]).to(ranked_on)
    return total


def symmetric_products(a: torch.Tensor) -> torch.Tensor:
    """`integer_products(a, a)` with little more than half the work."""
    if len(a) <= _SYMMETRIC_LEAF:
        return integer_products(a, a)
    half = len(a) // 2
    above = integer_products(a[:half], a[half:])
    left = torch.cat([symmetric_products(a[:half]), above.T])
    right = torch.cat([above, symmetric_products(a[half:])])
    return torch.cat([left, right], dim=1)


def squared_norms(a: torch.Tensor) -> torch.Tensor:
    """Exact squared lengths (n int64) of the rows of an int8 matrix.

    They are the diagonals of small products, which is faster than squaring value by value.
    """
    tiles = [a[start : start + 64] for start in range(0, len(a), 64)]
    return torch.cat([integer_products(tile, tile).diagonal() for tile in tiles]).to(torch.int64)


def padded(a: torch.Tensor) -> torch.Tensor:
    """The matrix padded with zeros to multiples of 32 rows and 8 columns.

    CUDA's integer product requires more than 16 rows, and multiples of 8. Zeros change no product.
    """
    rows, columns = -len(a) % 32, -a.shape[1] % 8
    if not rows and not columns:
        return a
    return torch.nn.functional.pad(a, (0, columns, 0, rows))


def _int8_product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    # The transposed view needs no copy: oneDNN and cuBLASLt read it equally fast. For a single
    # column, torch 2.6 returns wrong products on the CPU.
    if a.device.type == "cpu" and a.shape[1] > 1:
        return torch._int_mm(a, b.T)
    # Contiguous, because cuBLASLt would see the row stride of the wider matrix, of any length.
    a_padded, b_padded = padded(a).contiguous(), padded(b).contiguous()
    return torch._int_mm(a_padded, b_padded.T)[: len(a), : len(b)]


def _float_product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    total = torch.zeros(len(a), len(b), dtype=torch.int32, device=a.device)
    for start in range(0, a.shape[1], FLOAT_COLUMNS):
        part = slice(start, start + FLOAT_COLUMNS)
        total += (a[:, part].float() @ b[:, part].float().T).to(torch.int32)
    return total


def signed(
    flat: np.ndarray, device: torch.device, into: torch.Tensor | None = None
) -> torch.Tensor:
    """Rows of uint8 values x as int8 x − 128, stored in the first rows of `into` if given."""
    with warnings.catch_warnings():
        # Memory-mapped arrays are read-only; nothing is written through this tensor.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        values = torch.from_numpy(np.ascontiguousarray(flat))
    out = None if into is None else into[: len(flat)]
    # With torch, because it uses all cores.
    return torch.bitwise_xor(values, 128, out=out).view(torch.int8).to(device)


@dataclass(frozen=True)
class _Block:
    where: slice
    values: torch.Tensor


class IntegerSearch:
    """Neighbor search by keys, `squared distance × n + index`, which rank pairs and break ties."""

    def __init__(
        self,
        flat: np.ndarray,
        k: int,
        labels: np.ndarray | None,
        block: int,
        device: torch.device,
    ):
        n, width = flat.shape
        if 255**2 * width * n + n >= _NEVER:
            raise ValueError(f"{n} images of {width} values are too many for 64-bit distances")
        self.flat, self.k, self.n, self.device = flat, k, n, device
        home = device if device.type == "cuda" else torch.device("cpu")
        self.norms = torch.full((n,), -1, device=home)
        self.keys = torch.full((n, k), _NEVER, device=home)
        self.labels = self.other = None
        if labels is not None:
            codes = np.unique(labels, return_inverse=True)[1].reshape(n)
            self.labels = torch.from_numpy(codes).to(home)
            self.other = torch.full((n,), _NEVER, device=home)
        self.buffers = [torch.empty((min(block, n), width), dtype=torch.uint8) for _ in range(2)]

    def load(self, start: int, stop: int, slot: int) -> _Block:
        """Points start…stop as int8; each of the two slots can hold one block at a time."""
        values = signed(self.flat[start:stop], self.device, self.buffers[slot])
        where = slice(start, stop)
        if self.norms[start] < 0:
            self.norms[where] = squared_norms(values)
        return _Block(where, values)

    def visit(self, rows: _Block, columns: _Block) -> None:
        """Consider every pair of a point in `rows` and one in `columns`, in both directions."""
        if rows is columns:
            self._merge(rows.where, rows.where, symmetric_products(rows.values))
            return
        products = integer_products(rows.values, columns.values)
        self._merge(rows.where, columns.where, products)
        self._merge(columns.where, rows.where, products.T)

    def _merge(self, here: slice, there: slice, products: torch.Tensor) -> None:
        if self.k:
            near = self._within(here, there, products, self.keys[here, -1])
            if here == there:
                near.fill_diagonal_(False)
            both = torch.cat([self.keys[here], self._keys(here, there, products, near)], dim=1)
            self.keys[here] = torch.topk(both, self.k, dim=1, largest=False).values
        if self.labels is not None and self.other is not None:
            differ = self.labels[here, None] != self.labels[None, there]
            differ &= self._within(here, there, products, self.other[here])
            found = self._keys(here, there, products, differ)
            if found.shape[1]:
                self.other[here] = torch.minimum(self.other[here], found.amin(dim=1))

    def _within(
        self, here: slice, there: slice, products: torch.Tensor, worst: torch.Tensor
    ) -> torch.Tensor:
        """Which pairs are no farther apart than the worst key kept so far, and perhaps a few more.

        ‖a‖² + ‖b‖² − 2a·b ≤ limit implies a·b − ⌊‖b‖²/2⌋ ≥ ⌊(‖a‖² − limit)/2⌋: two operations
        per element, in 32 bits if the products have 32.
        """
        lowest = torch.iinfo(products.dtype).min
        needed = (self.norms[here] - worst // self.n) // 2
        needed = needed.clamp(min=lowest).to(products.dtype)
        halves = (self.norms[there] // 2).to(products.dtype)
        return (products - halves >= needed[:, None]).contiguous()

    def _keys(
        self, here: slice, there: slice, products: torch.Tensor, wanted: torch.Tensor
    ) -> torch.Tensor:
        """Keys of the wanted pairs, one row per point in `here`, padded with `_NEVER`."""
        index = torch.arange(there.start, there.stop, device=products.device)
        count = int(torch.count_nonzero(wanted))
        if count * _SPARSE > wanted.numel():
            keys = products.to(torch.int64) * (-2 * self.n)
            keys += self.norms[there] * self.n + index
            keys += self.norms[here, None] * self.n
            return keys.masked_fill_(~wanted, _NEVER)
        rows, columns = wanted.nonzero(as_tuple=True)
        squared = self.norms[here][rows] + self.norms[there][columns]
        squared -= 2 * products[rows, columns].to(torch.int64)
        return packed(rows, squared * self.n + index[columns], len(wanted), _NEVER)

    def finish(self, report: Reporter = SILENT) -> tuple:
        """Distances and indices, n×k each, and those of the nearest point of another class (n).

        The last two are None if there are no labels.
        """
        keys = torch.sort(self.keys, dim=1).values.cpu().numpy()
        distances = np.sqrt((keys // self.n).astype(np.float64))
        if self.other is None:
            return distances, keys % self.n, None, None
        other = self.other.cpu().numpy()
        alone = other == _NEVER
        other_distances = np.where(alone, np.inf, np.sqrt((other // self.n).astype(np.float64)))
        return distances, keys % self.n, other_distances, np.where(alone, -1, other % self.n)
