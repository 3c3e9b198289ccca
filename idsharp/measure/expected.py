"""What a ResNet-18 may reach on a measured dataset, by the atlas's learning curves."""

import re
from dataclasses import dataclass, field

import numpy as np

from idsharp.measure.atlas import ID, SHARPNESS, Task, collections_of, obstacle
from idsharp.measure.prediction import Prediction, fit
from idsharp.measure.table import Section
from idsharp.measure.verdict import Sentence

#: Accuracies for which the number of images is given unless others are asked for.
ACCURACIES = (0.8, 0.9, 0.95)
#: Columns of the atlas at each N.
_RESPONSES = {"accuracy": "highest_test_accuracy", "loss": "test_loss"}
#: The ends of the scales.
_ENDS = {"accuracy": (0.0, 1.0), "loss": (0.0, np.inf)}


@dataclass(frozen=True)
class Curves:
    """A response of collections at each N: the mean over their tasks that have it.

    Attributes:
        collections, domains, sizes, terms (n×2), values: of n points.
    """

    collections: np.ndarray
    domains: np.ndarray
    sizes: np.ndarray
    terms: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Expected:
    """What is expected, or why nothing can be.

    Attributes:
        sections, sentences, record: for people, and for JSON.
        curves, bands: by response, for the picture: the atlas's curves, and N with the low end,
            the expectation and the high end of this dataset.
    """

    sections: list[Section]
    sentences: list[Sentence]
    record: dict
    curves: dict[str, Curves] = field(default_factory=dict)
    bands: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)


def terms_of(dimension: float, sharpness: float) -> tuple[float, float]:
    """The terms of the papers' law: 1/d and ln K_F."""
    return 1 / dimension, float(np.log(sharpness))


def curves_of(tasks: list[Task], column: str) -> Curves:
    """The learning curves of a column of the atlas, such as `test_loss` at each N."""
    rows = []
    for group in collections_of(tasks):
        found: dict[int, list[float]] = {}
        for task in group.tasks:
            for name, value in task.values.items():
                if matched := re.fullmatch(rf"{column}_n(\d+)", name):
                    found.setdefault(int(matched[1]), []).append(value)
        terms = terms_of(group.dimension, group.sharpness)
        for n in sorted(found):
            rows.append((group.name, group.domain, n, terms, float(np.mean(found[n]))))
    columns: list[tuple] = list(zip(*rows, strict=True)) if rows else [()] * 5
    names, domains, sizes, terms, values = columns
    arrays = np.array(sizes, float), np.array(terms).reshape(-1, 2), np.array(values)
    return Curves(np.array(names, str), np.array(domains, str), *arrays)


def expect(record: dict, tasks: list[Task], accuracies: tuple[float, ...]) -> Expected:
    """Accuracy and loss of a ResNet-18 at each N of the atlas, and N for given accuracies.

    Args:
        record: from `idsharp.measure.run.measure`.
        accuracies: between 0 and 1, for which the number of images is wanted.
    """
    curves = {key: curves_of(tasks, column) for key, column in _RESPONSES.items()}
    reason, fits = _obstacle(record), {}
    if reason is None:
        try:
            fits = {key: _fitted(key, one) for key, one in curves.items()}
        except ValueError as error:
            reason = f"the atlas has {error}"
    if reason is not None:
        return Expected(
            [], [Sentence(f"Nothing is predicted: {reason}.", True)], {"reason": reason}
        )
    terms = terms_of(record[ID], record[SHARPNESS])
    sizes = np.unique(curves["accuracy"].sizes)
    bands = {key: (sizes, one.curve(sizes, terms).clip(*_ENDS[key])) for key, one in fits.items()}
    needed = [_needed(fits["accuracy"], accuracy, terms, sizes) for accuracy in accuracies]
    sentences = [*_outside(record, tasks), *(_worth(key, one) for key, one in fits.items())]
    epochs = {task.values["epochs"] for task in tasks if "epochs" in task.values}
    found = {
        "reason": None, "network": "resnet18", "epochs": max(epochs) if len(epochs) == 1 else None,
        "expected": [_at(bands, i) for i in range(len(sizes))], "images_for_accuracy": needed,
        "cross_validation": {key: _judged(one) for key, one in fits.items()},
    }  # fmt: skip
    return Expected(_sections(found), sentences, found, curves, bands)


def _obstacle(record: dict) -> str | None:
    reason = obstacle(record)
    if reason is None and record[SHARPNESS] is None:
        reason = f"K_F is undefined here ({record[f'{SHARPNESS}_reason']})"
    if reason is None and record["n_classes"] != 2:
        reason = (
            f"the networks of the atlas tell two classes apart, here are {record['n_classes']}; "
            "choose two with --classes A,B"
        )
    return reason


def _fitted(key: str, curves: Curves) -> Prediction:
    points = np.log(curves.sizes), curves.terms
    if key == "loss":
        return fit(*points, np.log(curves.values), curves.collections, shown=np.exp)
    return fit(*points, curves.values, curves.collections)


def _at(bands: dict, i: int) -> dict:
    """What is expected at one N."""
    row: dict = {"n_train": int(bands["accuracy"][0][i])}
    for key, (_, band) in bands.items():
        low, middle, high = (float(value) for value in band[:, i])
        row |= {key: middle, f"{key}_low": low, f"{key}_high": high}
    return row


def _needed(found: Prediction, accuracy: float, terms: tuple, sizes: np.ndarray) -> dict:
    """The N that an accuracy needs; null where it lies outside those of the atlas."""
    row = {"accuracy": accuracy, "n_train": None, "low": None, "high": None}
    needed = found.sizes_for(accuracy, terms)
    if needed is None:
        return row | {"words": "unknown: in the atlas, accuracy does not rise with N"}
    first, last = sizes[0], sizes[-1]
    low, middle, high = (
        f"fewer than {first:.0f}" if n < first else
        f"more than {last:.0f}" if n > last else f"{float(f'{n:.2g}'):.0f}"
        for n in needed
    )  # fmt: skip
    values = zip(("low", "n_train", "high"), needed, strict=True)
    row |= {name: float(n) for name, n in values if first <= n <= last}
    span = low if low == high else f"{low} to {high}"
    return row | {"words": f"{middle} ({span})"}


def _outside(record: dict, tasks: list[Task]) -> list[Sentence]:
    groups, sentences = collections_of(tasks), []
    for column, name, word, form in (
        (ID, "dimension", "dimension", ".1f"), (SHARPNESS, "sharpness", "K_F", ".2e"),
    ):  # fmt: skip
        values = [getattr(each, name) for each in groups]
        if not min(values) <= record[column] <= max(values):
            text = (
                f"The {word}, {record[column]:{form}}, lies outside the atlas's collections "
                f"({min(values):{form}} to {max(values):{form}}): no error below covers that."
            )
            sentences.append(Sentence(text, warns=True))
    return sentences


def _worth(key: str, one: Prediction) -> Sentence:
    """Whether the atlas predicts better than its mean, with the numbers."""
    what = {"accuracy": "accuracy", "loss": "ln loss"}[key]
    numbers = (
        f"left out in turn, its {one.n_collections} collections are predicted with an RMS error of "
        f"{one.error:.3g} in {what} from dimension and sharpness, and of {one.mean_error:.3g} from "
        f"the mean of the others (R² {one.r_squared:.2f}; p = {one.p:.2g} by permutation)"
    )
    if one.beats_mean:
        return Sentence(f"The atlas predicts {key} better than its mean: {numbers}.")
    can = "cannot be shown to" if one.r_squared > 0 else "cannot"
    return Sentence(
        f"The atlas {can} predict {key} better than its mean: {numbers}. What stands here is that "
        "mean, the same for any images.",
        warns=True,
    )


def _judged(one: Prediction) -> dict:
    names = ("n_collections", "beats_mean", "error", "mean_error", "r_squared", "p")
    return {name: getattr(one, name) for name in names}


def _sections(found: dict) -> list[Section]:
    epochs = f", {found['epochs']:.0f} epochs" if found["epochs"] else ""
    heads = ["highest accuracy", "90 % interval", "test loss", "90 % interval"]
    curve = Section(f"ResNet-18{epochs}", heads, width=18)
    for row in found["expected"]:
        cells = []
        for key in _RESPONSES:
            cells += [f"{row[key]:.2f}", f"{row[f'{key}_low']:.2f} to {row[f'{key}_high']:.2f}"]
        curve.add(f"{row['n_train']} training images", *cells)
    needed = Section("Training images needed", ["as expected (90 % interval)"])
    for row in found["images_for_accuracy"]:
        needed.add(f"for an accuracy of {row['accuracy']:g}", row["words"])
    return [curve, needed]
