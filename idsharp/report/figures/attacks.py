"""What attacks do to images, to look at."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from idsharp.attacks.example import Example
from idsharp.report.figures.laws import COLOURS, GREY, with_notes

_WRONG = "#D55E00"  # Okabe & Ito's vermillion; a cross says it without colour
_CELL = 1.45  # inches
_LABEL = 1.5  # inches
_TEXT = 0.22  # inches, for two lines below an image
_WIDTH = 20  # characters of text below an image


def attack_examples(
    examples: dict[str, tuple[Example | None, dict[int, str]]],
    datasets: pd.DataFrame,
    epsilon: int,
) -> Figure:
    """A row for each task: an image, and for each attack its perturbation and the attacked image.

    Args:
        examples: for each task its example (None without a trained network) and the names of its
            classes by number.
        datasets: columns task, domain, note.
        epsilon: L∞ bound in steps of 1/255.
    """
    attacks = next((e.attacks for e, _ in examples.values() if e is not None), [])
    columns = 1 + 2 * len(attacks)
    size = (_LABEL + _CELL * columns, (_CELL + _TEXT) * len(examples) + 0.4)
    figure = Figure(figsize=size)
    axes = figure.subplots(len(examples), columns, squeeze=False)
    domains = datasets.set_index("task")["domain"]
    for row, (task, (example, classes)) in zip(axes, examples.items(), strict=True):
        for axis in row:
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        _task_label(row[0], task, example, domains[task])
        if example is None:
            row[0].text(0, 0.5, "no trained network", color=GREY, va="center")
        else:
            _draw(row, example, classes, epsilon)
    headings = ["clean"]
    for attack in attacks:
        headings += [f"{attack.upper()}, ±{epsilon}/255", f"attacked by {attack.upper()}"]
    for axis, heading in zip(axes[0], headings, strict=True):
        axis.set_title(heading, fontsize=9)
    return with_notes(figure, datasets)


def _draw(row: np.ndarray, example: Example, classes: dict[int, str], epsilon: int) -> None:
    """One task's images with their predictions."""
    clean = example.clean / 255
    _show(row[0], clean)
    _prediction(row[0], example, 0, classes)
    for number, perturbation in enumerate(example.perturbation):
        shown, attacked = row[1 + 2 * number], row[2 + 2 * number]
        _show(shown, (perturbation + 1) / 2)
        _show(attacked, (clean + perturbation * epsilon / 255).clip(0, 1))
        _prediction(attacked, example, number + 1, classes)


def _show(axis, image: np.ndarray) -> None:
    """A C×H×W image in [0, 1]."""
    pixels = np.moveaxis(image, 0, 2).squeeze()
    axis.imshow(pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")


def _prediction(axis, example: Example, number: int, classes: dict[int, str]) -> None:
    """The predicted class and its probability; a wrong one with a cross, in another colour."""
    predicted, label = int(example.predicted[number]), example.label
    name = classes.get(predicted, f"output {predicted}, no class")
    text = f"{name} ({_probability(example.probability[number])})"
    wrong = predicted != label
    options = {"fontsize": 8, "color": _WRONG if wrong else "black", "labelpad": 3}
    lines = textwrap.wrap(f"✗ {text}" if wrong else text, _WIDTH)
    axis.set_xlabel("\n".join(lines), **options)


def _probability(value: float) -> str:
    """Three digits, and no certainty that is only rounding; in one piece on a line."""
    return ("p > 0.999" if value > 0.9995 else f"p = {value:.3f}").replace(" ", "\u00a0")


def _task_label(axis, task: str, example: Example | None, domain: str) -> None:
    lines = [*textwrap.wrap(task, 18, break_on_hyphens=False), f"({domain})"]
    options = {"ha": "right", "transform": axis.transAxes}
    axis.text(-0.08, 0.52, "\n".join(lines), va="bottom", color=COLOURS[domain], **options)
    if example is not None:
        network = f"{example.model}\nN = {example.n_train}"
        axis.text(-0.08, 0.46, network, va="top", color=GREY, fontsize=8, **options)
