"""Attacked images to look at."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from idsharp.attacks.evaluate import choose_example, examples
from idsharp.attacks.example import read_example, write_examples
from idsharp.attacks.fgsm import fgsm
from tests.attacks.conftest import BOTH, CPU, NAMES, Waves, as_tensors


def test_an_example_reads_back_as_it_was(tmp_path, held_out, outcomes):
    names = NAMES | {"n_train": 100, "seed": 0}
    model = Waves().eval()
    write_examples(tmp_path / "e.npz", examples(names, model, outcomes, held_out, BOTH, CPU))
    for row, epsilon in enumerate(BOTH.epsilons, start=1):
        example = read_example(tmp_path / "e.npz", epsilon)
        i = choose_example(outcomes, row)
        assert (example.image_id, example.label) == (held_out.ids[i], held_out.labels[i])
        assert (example.task, example.n_train, example.attacks) == ("task", 100, ("fgsm", "pgd"))
        np.testing.assert_array_equal(example.clean, held_out.images[i])
        images, labels = (part[i : i + 1] for part in as_tensors(held_out))
        attacked = fgsm(model, images, labels, epsilon / 255)
        shown = example.clean / 255 + example.perturbation[0] * epsilon / 255
        np.testing.assert_allclose(shown, attacked[0].numpy(), atol=epsilon / 255 / 127)
        with torch.no_grad():
            probability, predicted = model(attacked).softmax(dim=1).max(dim=1)
        assert example.predicted[1] == predicted.item()
        assert example.probability[1] == pytest.approx(probability.item(), rel=1e-4)
        np.testing.assert_array_equal(
            example.predicted == example.label, outcomes.correct[[0, row, row + 2], i]
        )
    assert read_example(tmp_path / "e.npz", 3) is None
    write_examples(tmp_path / "none.npz", [])
    assert read_example(tmp_path / "none.npz", 1) is None


def test_figures_read_examples_without_torch():
    code = "import sys, idsharp.attacks.example; assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
