"""Points that are written by rows and read by columns."""

import numpy as np
import pytest

from idsharp.representations.point_file import PointFile


def test_points_come_back_by_columns(tmp_path, monkeypatch):
    monkeypatch.setattr("idsharp.properties.neighbors.out_of_core.BLOCK_BYTES", 8 * 6 * 4)
    values = np.random.default_rng(0).normal(size=(6, 11)).astype(np.float32)
    values[3] = values[1]
    values[4] = 0.0
    values[5] = -0.0
    with open(tmp_path / "points", "w+b") as file:
        points = PointFile(file, 6, 11)
        points.append(values[:4])
        with pytest.raises(OSError, match="ended before the last"):
            list(points.parts())
        points.append(values[4:])
        parts = list(points.parts())
        assert [part.shape for part in parts] == [(6, 4), (6, 4), (6, 3)]
        assert np.array_equal(np.concatenate(parts, axis=1), values)
        # −0 and 0 are the same place.
        assert points.duplicates().group.tolist() == [0, 1, 2, 1, 3, 3]
        first = points.duplicates().first
        assert np.array_equal(np.concatenate(list(points.parts(first)), axis=1), values[first])
        assert points.finite
        PointFile(file, 1, 2).append(np.array([[1.0, np.inf]]))
