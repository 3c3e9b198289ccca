"""Pairs of images that a person should see side by side, in figures and on the page."""

from dataclasses import dataclass

import numpy as np

from idsharp.measure.decode import Decoded
from idsharp.measure.run import Measured

_GROUPS_SHOWN = 4


@dataclass(frozen=True)
class Pair:
    """Two images and the words beneath them.

    Attributes:
        positions: of both in the index.
        titles: label and split of each.
        names: id of each.
        caption: how they are related.
    """

    positions: tuple[int, int]
    titles: tuple[str, str]
    names: tuple[str, str]
    caption: str


def sharpest_pairs(measured: Measured, count: int) -> list[Pair]:
    """The most similar images with different labels, nearest pair first."""
    listed = measured.record.get("sharpest_pairs", [])
    return [
        _pair(
            measured.decoded,
            positions,
            f"{number}. L2 distance {pair['distance']:.0f}, RMS {pair['rms_difference']:.1f} "
            "of 255",
        )
        for number, (positions, pair) in enumerate(
            zip(measured.sharpest[:count], listed[:count], strict=True), start=1
        )
    ]


def duplicate_pairs(measured: Measured) -> list[Pair]:
    """Some identical images, those across classes and splits first, and some near-duplicates."""
    decoded, exact, near = measured.decoded, measured.exact, measured.near
    # Lexicographic: what contradicts itself comes first, then what leaks.
    order = np.lexsort((~exact.across_splits, ~exact.across_classes))[:_GROUPS_SHOWN]
    pairs = [
        _pair(
            decoded,
            telling_pair(exact.members[i], decoded.column("label"), decoded.column("split")),
            f"identical, group of {len(exact.members[i])}",
        )
        for i in order
    ]
    # Evenly over the differences, so that the threshold can be judged.
    shown = np.unique(np.linspace(0, len(near.pairs) - 1, _GROUPS_SHOWN).round().astype(int))
    return pairs + [
        _pair(decoded, near.pairs[i], f"nearly identical, RMS {near.differences[i]:.2f}")
        for i in (shown if len(near.pairs) else [])
    ]


def telling_pair(members: np.ndarray, labels: np.ndarray, splits: np.ndarray) -> tuple[int, int]:
    """Two of a group: of different labels, else of different splits, where there are such."""
    for column in (labels, splits):
        others = members[column[members] != column[members[0]]]
        if len(others):
            return members[0], others[0]
    return members[0], members[1]


def _pair(decoded: Decoded, positions: np.ndarray | tuple[int, int], caption: str) -> Pair:
    def title(position: int) -> str:
        told = (decoded.index[name].iloc[position] for name in ("label", "split"))
        return " · ".join(filter(None, told)) or "no label"

    a, b = (int(position) for position in positions)
    ids = decoded.index["id"]
    return Pair((a, b), (title(a), title(b)), (ids.iloc[a], ids.iloc[b]), caption)
