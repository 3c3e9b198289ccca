"""The figure of attacked images."""

import io

import numpy as np
import pandas as pd
import pytest

from idsharp.attacks.example import Example
from idsharp.report.figures.attacks import attack_examples


@pytest.mark.parametrize("attacks", [("fgsm",), ("fgsm", "pgd")], ids="-".join)
def test_the_example_figure_shows_predictions_and_cuts_nothing_off(attacks):
    rng, columns = np.random.default_rng(0), 1 + 2 * len(attacks)
    example = Example(
        task="task",
        model="resnet18",
        n_train=100,
        seed=0,
        image_id="image0",
        label=0,
        epsilon_255=4,
        attacks=attacks,
        clean=rng.integers(0, 256, (1, 8, 8), dtype=np.uint8),
        perturbation=rng.choice([-1.0, 1.0], (len(attacks), 1, 8, 8)),
        predicted=np.array([0, 1, 1][: 1 + len(attacks)]),
        probability=np.array([0.9, 0.6, 0.99999][: 1 + len(attacks)]),
    )
    classes = {0: "no haemorrhage at all", 1: "a subarachnoid haemorrhage"}
    tasks = ["rsna_subarachnoid_v_none", "cifar10_3v5", "gone"]
    datasets = pd.DataFrame({"task": tasks, "domain": ["radiology", "natural", "natural"]})
    datasets["note"] = ["", "", "everything here is made up " * 6]
    shown = {tasks[0]: (example, classes), tasks[1]: (example, {}), tasks[2]: (None, classes)}
    figure = attack_examples(shown, datasets, 4)
    figure.savefig(io.BytesIO(), format="png", dpi=50)
    texts = [axis.get_xlabel() for axis in figure.axes[:columns]]
    words = " ".join(texts).replace("\n", " ")
    assert words.count("✗") == len(attacks)
    assert all(classes[int(p)].split()[-1] in words for p in example.predicted)
    assert "no class" in " ".join(axis.get_xlabel() for axis in figure.axes[columns : 2 * columns])
    assert any(text.get_text() == "no trained network" for text in figure.axes[2 * columns].texts)
    # A little is allowed for: the box of a text has a margin of its own.
    box = figure.get_tightbbox()
    assert box.x0 >= -0.02
    assert box.y0 >= -0.02
    assert box.x1 <= figure.get_size_inches()[0] + 0.02
    assert box.y1 <= figure.get_size_inches()[1] + 0.02
