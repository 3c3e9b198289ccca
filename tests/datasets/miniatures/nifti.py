"""Minimal NIfTI volumes."""

import numpy as np
import pytest

VOLUME = np.arange(4 * 5 * 10, dtype=np.int16).reshape(4, 5, 10)


def write_nifti(file, values, affine=None):
    nibabel = pytest.importorskip("nibabel")
    file.parent.mkdir(parents=True, exist_ok=True)
    affine = np.eye(4) if affine is None else affine
    nibabel.save(nibabel.Nifti1Image(values, affine), file)
