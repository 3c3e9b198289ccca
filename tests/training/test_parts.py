"""Batches, their order and the sums over them."""

import numpy as np
import torch

from idsharp.tasks.subsets import LabelledImages
from idsharp.training.parts import DeviceImages, Order, Sums, batches

CPU = torch.device("cpu")


def test_batches_cover_everything_once_and_never_hold_one_image():
    for n, size in [(41, 40), (81, 40), (80, 40), (5, 40), (7, 6)]:
        parts = batches(n, size, torch.Generator().manual_seed(0))
        assert sorted(torch.cat(parts).tolist()) == list(range(n))
        assert min(len(part) for part in parts) > 1


def test_an_order_resumes_within_an_epoch():
    whole, parts = Order(20, 6, 0, CPU), Order(20, 6, 0, CPU)
    expected = [part.tolist() for part in whole.rest_of_epoch()]
    whole.next_epoch()
    expected += [part.tolist() for part in whole.rest_of_epoch()]
    assert expected[:4] != expected[4:]
    found = [part.tolist() for part in parts.rest_of_epoch()[:2]]
    parts.batch = 2
    resumed = Order(20, 6, seed=99, device=CPU)
    resumed.load_state_dict(parts.state_dict())
    found += [part.tolist() for part in resumed.rest_of_epoch()]
    resumed.next_epoch()
    assert found + [part.tolist() for part in resumed.rest_of_epoch()] == expected


def test_sums_weight_batches_by_their_images():
    sums = Sums(CPU)
    places = sums.loss.data_ptr(), sums.correct.data_ptr()
    logits = torch.tensor([[2.0, 0.0], [0.0, 2.0], [0.0, 2.0]])
    sums.add(torch.tensor(1.0), logits, torch.tensor([0, 1, 0]))
    sums.add(torch.tensor(5.0), logits[:1], torch.tensor([0]))
    copy = Sums(CPU)
    copy.load_state_dict(sums.state_dict())
    assert sums.take_means(4) == copy.take_means(4) == (2.0, 0.75)
    assert sums.take_means(4) == (0.0, 0.0)
    # A captured graph writes to these places.
    assert (sums.loss.data_ptr(), sums.correct.data_ptr()) == places


def test_images_on_the_device_are_copies(tmp_path):
    np.save(tmp_path / "images.npy", np.zeros((3, 1, 2, 2), dtype=np.uint8))
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    part = DeviceImages.of(LabelledImages(mapped, np.array([0, 1, 0]), list("abc")), CPU)
    part.images[0] = 7
    assert mapped.max() == 0
    assert (len(part), part.labels.dtype) == (3, torch.int64)
