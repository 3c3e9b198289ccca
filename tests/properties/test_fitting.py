"""The dimension in scikit-learn's manner."""

import numpy as np
import pytest

from idsharp import IntrinsicDimension, intrinsic_dimension
from idsharp.properties.dimension import UndefinedEstimateError, local_dimensions
from idsharp.properties.neighbors.search import nearest_neighbors

POINTS = np.random.default_rng(0).uniform(size=(300, 2)) @ np.ones((2, 3))
POINTS += np.random.default_rng(1).normal(size=(300, 3))


@pytest.mark.parametrize(
    "options",
    [{}, {"k": 7, "normalization": "k-2"}, {"estimator": "twonn", "discard": "largest"}],
)
def test_it_gives_what_the_function_gives(options):
    fitted = IntrinsicDimension(**options).fit(POINTS)
    expected = intrinsic_dimension(POINTS, **options)
    assert (fitted.dimension_, fitted.standard_error_) == (expected.value, expected.standard_error)
    assert (fitted.n_points_, fitted.n_features_in_) == (300, 3)


def test_every_point_has_its_dimension_copies_too():
    twice = np.concatenate([POINTS, POINTS[:5]])
    fitted = IntrinsicDimension(k=10).fit(twice)
    expected = local_dimensions(nearest_neighbors(POINTS, 10).distances, 10)
    assert fitted.n_points_ == 300
    np.testing.assert_array_equal(fitted.dimension_pw_, np.append(expected, expected[:5]))
    assert IntrinsicDimension(estimator="twonn").fit(POINTS).dimension_pw_ is None


def test_images_need_not_be_flat():
    images = np.random.default_rng(0).integers(0, 256, (60, 1, 4, 4), dtype=np.uint8)
    fitted = IntrinsicDimension(k=5).fit(images)
    assert fitted.dimension_ == intrinsic_dimension(images, 5).value
    assert fitted.n_features_in_ == 16


def test_wrong_options_are_explained():
    with pytest.raises(ValueError, match="normalization is one of k-1, k-2, found 'k'"):
        IntrinsicDimension(normalization="k").fit(POINTS)
    with pytest.raises(ValueError, match="discard is one of 10%, largest, found '5%'"):
        IntrinsicDimension(estimator="twonn", discard="5%").fit(POINTS)
    with pytest.raises(ValueError, match="estimator is one of mle, twonn, found 'pca'"):
        intrinsic_dimension(POINTS, estimator="pca")
    with pytest.raises(UndefinedEstimateError, match="of 10 points 10 differ"):
        IntrinsicDimension().fit(POINTS[:10])


def test_the_former_spelling_is_accepted():
    american = intrinsic_dimension(POINTS, normalization="k-2")
    assert intrinsic_dimension(POINTS, normalisation="k-2") == american
    assert american != intrinsic_dimension(POINTS)


def test_it_passes_the_checks_of_scikit_learn():
    checks = pytest.importorskip("sklearn.utils.estimator_checks")
    for result in checks.check_estimator(IntrinsicDimension(k=3), on_fail=None):
        assert result["status"] != "failed", (result["check_name"], result["exception"])


def test_it_works_without_scikit_learn(monkeypatch):
    monkeypatch.setattr("idsharp.properties.fitting.BaseEstimator", object)
    assert IntrinsicDimension().fit(POINTS).dimension_ == intrinsic_dimension(POINTS).value
