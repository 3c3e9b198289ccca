"""What attacks cost and what they do to images: the robustness law of ICLR 2024."""

import textwrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from idsharp.attacks.example import Example
from idsharp.report.figures.marks import (
    domain_handles,
    errorbars,
    only_row,
    say,
    sharpness_axis,
    with_notes,
)
from idsharp.report.figures.names import name_points
from idsharp.report.figures.style import (
    COLORS,
    GREY,
    INK,
    ONE_COLUMN,
    ORANGE,
    SMALL,
    TWO_COLUMNS,
    new_figure,
    styled,
)
from idsharp.report.wording import count

_LABEL, _TEXT, _HEIGHT = 32, 8, 220  # mm


@styled
def loss_penalty_vs_sharpness(
    points: pd.DataFrame, fits: pd.DataFrame, epsilon: int, sharpness_m: int | None
) -> Figure:
    """Loss penalty at one ε against K_F of the pool, a panel for each attack.

    Args:
        points: rows of penalty_points of all networks at this ε.
        fits: rows of loss_penalty_vs_sharpness of all networks, both domains together, at this ε.
        epsilon: in 1/255.
        sharpness_m: number of images that K_F was measured on.
    """
    attacks = list(points["attack"].unique())
    figure = new_figure(ONE_COLUMN if len(attacks) < 2 else TWO_COLUMNS, 78)
    axes = figure.subplots(1, max(len(attacks), 1), squeeze=False)[0]
    if not attacks:
        say(axes[0], "no network was attacked")
    for axis, attack in zip(axes, attacks, strict=False):
        shown = points[points["attack"] == attack].dropna(subset=["pool_sharpness"])
        for domain, group in shown.groupby("domain"):
            errorbars(axis, group, "pool_sharpness", "loss_penalty", domain)
        axis.set_title(_correlation(only_row(fits, attack=attack), len(shown)))
        axis.margins(0.16)
        at = "" if sharpness_m is None else f", M = {sharpness_m}"
        label = f"label sharpness $K_F$ of the pool{at}"
        sharpness_axis(axis, "x", label, shown["pool_sharpness"])
        axis.set_ylabel(
            f"loss penalty, {attack.upper()} ε = {epsilon}/255 [nats],\n"
            "mean ± SD over networks and N"
        )
        name_points(axis, shown, "pool_sharpness", "loss_penalty")
    handles = domain_handles(points["domain"])
    figure.legend(handles=handles, loc="outside upper left", ncols=2)
    return figure


def _correlation(row: pd.Series | None, n: int) -> str:
    if row is None:
        return count(n, "collection")
    if pd.isna(row["pearson_r"]):
        return f"no correlation: {row['reason']}"
    text = f"r = {row['pearson_r']:.2f}"
    if pd.notna(row["pearson_low"]):
        text += f" [{row['pearson_low']:.2f}, {row['pearson_high']:.2f}]".replace("-", "−")
    return f"{text.replace('-', '−')}, {count(n, 'collection')}"


@styled
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
    attacks: tuple[str, ...] = next((e.attacks for e, _ in examples.values() if e is not None), ())
    columns = 1 + 2 * len(attacks)
    room = _HEIGHT / max(len(examples), 1) - _TEXT
    cell = (TWO_COLUMNS - _LABEL) / columns
    side = min(cell - 2, room, 32)
    figure = new_figure(TWO_COLUMNS, (side + _TEXT) * max(len(examples), 1) + 8)
    axes = figure.subplots(max(len(examples), 1), columns, squeeze=False)
    domains = datasets.set_index("task")["domain"]
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    # A character of this size is about 1.5 mm wide.
    characters = int(cell / 1.5)
    for row, (task, (example, classes)) in zip(axes, examples.items(), strict=False):
        _task_label(row[0], task, example, domains[task])
        if example is None:
            row[0].text(0, 0.5, "no trained network", color=GREY, va="center")
        else:
            _draw(row, example, classes, epsilon, characters)
    headings = ["clean"]
    for attack in attacks:
        headings += [f"{attack.upper()}, ±{epsilon}/255", f"attacked by {attack.upper()}"]
    for axis, heading in zip(axes[0], headings, strict=True):
        axis.set_title(heading, fontsize=SMALL, loc="center")
    return with_notes(figure, datasets[datasets["task"].isin(examples)])


def _draw(
    row: np.ndarray, example: Example, classes: dict[int, str], epsilon: int, characters: int
) -> None:
    """One task's images with their predictions, in lines of so many characters."""
    clean = example.clean / 255
    _show(row[0], clean)
    _prediction(row[0], example, 0, classes, characters)
    for number, perturbation in enumerate(example.perturbation):
        shown, attacked = row[1 + 2 * number], row[2 + 2 * number]
        _show(shown, (perturbation + 1) / 2)
        _show(attacked, (clean + perturbation * epsilon / 255).clip(0, 1))
        _prediction(attacked, example, number + 1, classes, characters)


def _show(axis: Axes, image: np.ndarray) -> None:
    """A C×H×W image in [0, 1]."""
    pixels = np.moveaxis(image, 0, 2).squeeze()
    axis.imshow(pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")


def _prediction(
    axis: Axes, example: Example, number: int, classes: dict[int, str], characters: int
) -> None:
    """The predicted class and its probability; a wrong one with a cross, in another color."""
    predicted, label = int(example.predicted[number]), example.label
    name = classes.get(predicted, f"output {predicted}, no class")
    text = f"{name} ({_probability(example.probability[number])})"
    wrong = predicted != label
    lines = textwrap.wrap(f"✗ {text}" if wrong else text, characters)
    axis.set_xlabel("\n".join(lines), color=ORANGE if wrong else INK, labelpad=2)


def _probability(value: float) -> str:
    """Three digits, and no certainty that is only rounding; in one piece on a line."""
    return ("p > 0.999" if value > 0.9995 else f"p = {value:.3f}").replace(" ", "\u00a0")


def _task_label(axis: Axes, task: str, example: Example | None, domain: str) -> None:
    lines = [*textwrap.wrap(task, 20, break_on_hyphens=False), f"({domain})"]
    options: dict[str, Any] = {"ha": "right", "transform": axis.transAxes}
    axis.text(-0.08, 0.52, "\n".join(lines), va="bottom", color=COLORS[domain], **options)
    if example is not None:
        network = f"{example.model}\nN = {example.n_train}"
        axis.text(-0.08, 0.46, network, va="top", color=GREY, **options)
