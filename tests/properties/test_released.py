"""Label sharpness by the rule of the papers' released code."""

import numpy as np
import pytest
import torch

from idsharp.properties.dimension import UndefinedEstimateError
from idsharp.properties.released import (
    RELEASED_BATCH,
    n_released_pairs,
    released_m,
    released_pairs,
    sharpness_by_released_rule,
)


def restated(images, labels, batch, rng, same_class):
    """The released loops over two loaders, the second of which shuffles again at each pass."""
    x, y = torch.from_numpy(images).float(), torch.from_numpy(labels)
    sampled = torch.from_numpy(rng.choice(len(x), size=len(x), replace=False))
    found, pairs = [], 0
    for batch1 in sampled[rng.permutation(len(x))].split(batch):
        for batch2 in sampled[rng.permutation(len(x))].split(batch):
            y1, y2 = y[batch1], y[batch2]
            numerator = (y1 == y2).float() if same_class else torch.abs(y1.float() - y2.float())
            values = numerator / torch.norm(x[batch1] - x[batch2], p=2, dim=(1, 2, 3))
            found += values[~values.isnan()].tolist()
            pairs += len(values)
    return np.array(found), pairs


def labelled(n, classes=2, size=4):
    rng = np.random.default_rng(3)
    return rng.integers(0, 256, (n, 1, size, size), dtype=np.uint8), np.arange(n) % classes


@pytest.mark.parametrize(("m", "pairs"), [(40, 40), (500, 500), (1000, 2000), (1500, 4500)])
def test_pairs_are_those_of_two_shuffled_loaders(m, pairs):
    found = released_pairs(m, np.random.default_rng(0))
    assert found.shape == (pairs, 2)
    assert n_released_pairs(m) == pairs
    batch = min(m, RELEASED_BATCH)
    meetings = found.reshape(m // batch, m // batch, batch, 2)
    # The first loader goes through its images once, each batch meeting m/batch batches.
    assert (meetings[:, :1, :, 0] == meetings[..., 0]).all()
    assert sorted(meetings[:, 0, :, 0].ravel()) == list(range(m))
    # The second goes through all of its images for each batch of the first, in another order.
    for passed in meetings[..., 1]:
        assert sorted(passed.ravel()) == list(range(m))
    if m > batch:
        assert (meetings[0, ..., 1] != meetings[1, ..., 1]).any()


@pytest.mark.parametrize("same_class", [True, False])
@pytest.mark.parametrize("m", [300, 1000, 1500])
def test_equals_the_released_loops(m, same_class):
    images, labels = labelled(m)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        expected, pairs = restated(images, labels, 500, rng, same_class)
        assert pairs == len(released_pairs(m, rng))
        rng = np.random.default_rng(seed)
        found = sharpness_by_released_rule(images, labels, m, 1, rng, same_class)
        assert found[0] == pytest.approx(expected[np.isfinite(expected)].max(), rel=1e-6)


def test_pairs_of_an_image_with_itself_would_make_most_calls_infinite():
    """1 − e⁻² of them, as an image meets itself in two pairs of a call on average."""
    images, labels = labelled(1000)
    infinite = [
        np.isinf(restated(images, labels, 500, np.random.default_rng(seed), True)[0]).any()
        for seed in range(200)
    ]
    assert np.mean(infinite) == pytest.approx(1 - np.exp(-2), abs=0.08)


def test_it_is_the_closest_pair_of_the_same_class():
    # Every image of class 0 is 1 away from its neighbors of that class, 9 from those of class 1.
    values = np.concatenate([np.arange(40), np.arange(40) + 48]).astype(np.uint8)
    images, labels = values.reshape(-1, 1, 1, 1), np.repeat([0, 1], 40)
    rng = np.random.default_rng(0)
    assert sharpness_by_released_rule(images, labels, 80, 30, rng).max() == 1
    different = sharpness_by_released_rule(images, labels, 80, 200, rng, same_class=False)
    assert 1 / 20 < different.max() <= 1 / 9


def test_distances_are_exact_and_follow_the_pairs():
    images, labels = labelled(200, size=9)
    value = sharpness_by_released_rule(images, labels, 200, 1, np.random.default_rng(5))[0]
    rng = np.random.default_rng(5)
    pairs = rng.choice(200, size=200, replace=False)[released_pairs(200, rng)]
    flat = images.reshape(200, -1).astype(float)
    lengths = [
        np.linalg.norm(flat[a] - flat[b]) for a, b in pairs if a != b and labels[a] == labels[b]
    ]
    assert value == pytest.approx(1 / min(lengths), rel=1e-14)


@pytest.mark.parametrize(
    ("n", "m"), [(1, 1), (250, 250), (500, 500), (750, 500), (999, 500), (1000, 1000), (7500, 1000)]
)
def test_as_many_images_as_the_released_batches_can_pair(n, m):
    assert released_m(n) == m


def test_what_cannot_be_paired_is_refused():
    images, labels = labelled(600)
    with pytest.raises(ValueError, match="batches of 500 do not pair 600"):
        sharpness_by_released_rule(images, labels, 600, 1, np.random.default_rng(0))
    with pytest.raises(ValueError, match="cannot draw"):
        sharpness_by_released_rule(images, labels, 1000, 1, np.random.default_rng(0))
    with pytest.raises(UndefinedEstimateError, match="images of the same class"):
        sharpness_by_released_rule(images[:5], np.arange(5), 5, 1, np.random.default_rng(0))
