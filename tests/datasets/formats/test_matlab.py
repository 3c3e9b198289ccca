"""MATLAB files of level 5, as scipy writes them."""

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from idsharp.datasets.errors import FormatError
from idsharp.datasets.formats.matlab import read_mat


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"])
def test_arrays_are_what_scipy_reads(tmp_path, dtype, packed):
    rng, file = np.random.default_rng(0), tmp_path / "x.mat"
    for shape in ((1, 1), (3, 5), (4, 3, 2)):
        stored = {"X": (rng.random(shape) * 99).astype(dtype), "y": np.arange(3.0), "z": 1}
        further = {"words": "text", "complex": np.array([1j]), "struct": {"a": 1}}
        savemat(file, stored | further, do_compression=packed)
        expected, found = loadmat(file), read_mat(file, ["X", "y", *further])
        assert sorted(found) == ["X", "y"]
        for name, values in found.items():
            assert values.dtype == expected[name].dtype
            assert (values == expected[name]).all()


def test_claims_that_a_file_does_not_hold_are_refused(tmp_path):
    file = tmp_path / "x.mat"
    savemat(file, {"X": np.zeros((4, 4), np.uint8)})
    whole = file.read_bytes()
    # The dimensions stand after two tags and the flags; scipy reads beyond the end here.
    for damaged, message in (
        (whole[:160] + b"\xff\xff\xff\x7f" + whole[164:], r"claims a shape of \[2147483647, 4\]"),
        (whole[:-8], "an element claims"),
        (whole[:126] + b"XX" + whole[128:], "its byte order"),
        (b"", "its byte order"),
    ):
        file.write_bytes(damaged)
        with pytest.raises(FormatError, match=rf"x\.mat: cannot be read as a MATLAB .*{message}"):
            read_mat(file, ["X"])


def test_the_real_digits_are_what_scipy_reads(real_data):
    for file in (real_data / "svhn").glob("*.mat"):
        expected = loadmat(file)
        for name, values in read_mat(file, ["X", "y"]).items():
            assert np.array_equal(values, expected[name])
