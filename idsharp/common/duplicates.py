"""Find identical images, which are counted before anything is measured, never silently dropped."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Duplicates:
    """Groups of identical images.

    Attributes:
        group: n group numbers, shared by identical images, in order of first appearance.
        conflicting: n booleans, true where the same image also occurs under another label.
    """

    group: np.ndarray
    conflicting: np.ndarray

    @property
    def first(self) -> np.ndarray:
        """Position of the first image of each group."""
        return np.unique(self.group, return_index=True)[1]

    @property
    def n_extra(self) -> int:
        """Number of images that repeat an earlier one."""
        return len(self.group) - len(self.first)


def find_duplicates(points: np.ndarray, labels: np.ndarray | None = None) -> Duplicates:
    """Group points (n×…) that are equal in every value.

    Args:
        labels: n class labels, to find identical points with different ones.
    """
    return group_by_digest((digest_of(point) for point in points), labels)


def digest_of(point: np.ndarray) -> bytes:
    """SHA-256 of a point's values, to compare large images without keeping them in memory."""
    return hashlib.sha256(np.ascontiguousarray(point).data).digest()


def group_by_digest(digests: Iterable[bytes], labels: np.ndarray | None = None) -> Duplicates:
    """Group points whose digests are equal; `labels` as in `find_duplicates`."""
    seen: dict[bytes, int] = {}
    group = np.array([seen.setdefault(digest, len(seen)) for digest in digests], dtype=np.int64)
    conflicting = np.zeros(len(group), dtype=bool)
    if labels is not None:
        codes = np.unique(labels, return_inverse=True)[1]
        lowest = np.full(len(seen), len(codes))
        highest = np.full(len(seen), -1)
        np.minimum.at(lowest, group, codes)
        np.maximum.at(highest, group, codes)
        conflicting = (lowest != highest)[group]
    return Duplicates(group, conflicting)
