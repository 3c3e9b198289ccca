"""What a study has beside a published number, and whether the two can be compared."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from idsharp.report.tables.study import Study, first_choice, is_learned

NOT_COMPARABLE = "not comparable"

#: Names of the papers' datasets in config.yaml, where they differ.
_DATASETS = {"dbc": "duke_breast", "prostate": "prostate_us"}
#: Open data that stand in for a dataset of the papers.
_STAND_INS = {"brats": "brats_msd", "oai": "oai_mendeley", "prostate": "prostate_mr"}
#: The papers' estimator of printed dimensions: their released code's.
_ESTIMATOR = "id_mle_k2"
_SIZE, _POOL, _MODEL, _N = 224, 7500, "resnet18", 2000
_TRAINING_SIZES = (500, 1750)
_PAIRS = 5


@dataclass(frozen=True)
class Ours:
    """Our number beside a published one.

    Attributes:
        value: None where the study has none.
        error: its standard error; or `low` and `high` are given.
        published_error: what our spread says of the published number, beside reading it.
        n: collections behind a correlation; sign: of the slope behind an R².
        why: why the two cannot be compared; "" where they can.
        variant: which of several numbers of ours.
        tasks: what it was measured on.
    """

    value: float | None = None
    error: float = 0.0
    low: float | None = None
    high: float | None = None
    published_error: float = 0.0
    n: float | None = None
    sign: int = 1
    why: str = ""
    variant: str = ""
    tasks: str = ""


def ours(study: Study, tables: dict[str, pd.DataFrame], one: pd.Series) -> list[Ours]:
    """Our numbers beside one published row; one without a value where there is none."""
    size = int(study.datasets["image_size"].iloc[0])
    if size != _SIZE:
        return [Ours(why=f"images of {size}×{size} pixels, the papers' have {_SIZE}×{_SIZE}")]
    find = _FIND[one["source"], one["figure"], one["quantity"]]
    tasks = ", ".join(_tasks(study, one["dataset"], _trained(one))[0]["task"])
    return [replace(found, tasks=tasks) for found in find(study, tables, one)]


def _trained(one: pd.Series) -> bool:
    """Whether networks are trained on what a published value is of, or images only measured."""
    return (one["source"], one["figure"], one["domain"]) != ("miccai2022", "fig3", "natural")


def _tasks(study: Study, dataset: str | None, trained: bool = True) -> tuple[pd.DataFrame, str]:
    """Rows of `datasets` of a published dataset, and why they cannot be judged, if so."""
    tasks = first_choice(study.datasets[study.datasets["is_trained"] == trained])
    # A copy of a dataset under another name says so by its collection.
    is_own = tasks["dataset"] == (_DATASETS.get(dataset, dataset) if dataset else None)
    is_own |= (tasks["collection"] == dataset) & ~tasks["dataset"].isin(_STAND_INS.values())
    own = tasks[is_own]
    if len(own) or dataset not in _STAND_INS:
        return own, "" if len(own) else f"the study has no task on {dataset}"
    other = tasks[tasks["dataset"] == _STAND_INS[dataset]]
    name = _STAND_INS[dataset]
    return other, f"stand-in: {name}" if len(other) else f"the study has no task on {dataset}"


def _pool_id(study: Study, tables: dict, one: pd.Series) -> Iterator[Ours]:
    """Fig. 3 of MICCAI 2022."""
    natural = one["domain"] == "natural"
    tasks, why = _tasks(study, one["dataset"], _trained(one))
    if tasks.empty:
        yield Ours(why=why)
        return
    value, error = tasks[_ESTIMATOR].mean(), tasks[f"{_ESTIMATOR}_se"].astype(float).mean()
    if natural:
        why = "the paper quotes Pope et al. 2021: other size and sample"
    elif not why and tasks["n_pool"].min() < _POOL:
        why = f"{tasks['n_pool'].min()} images, the paper has {_POOL}"
    yield Ours(float(value), float(error), why=why)


def _accuracy(study: Study, tables: dict, one: pd.Series) -> Iterator[Ours]:
    """Fig. 4 of MICCAI 2022: highest test accuracy of ResNet-18 at N = 2000."""
    tasks, why = _tasks(study, one["dataset"])
    runs = study.runs[is_learned(study.runs) & study.runs["task"].isin(tasks["task"])]
    runs = runs[(runs["model"] == _MODEL) & (runs["n_train"] == _N)]
    if one["dataset"] == "imagenet":
        why = f"two classes of ImageNet have fewer than {_N} images to train on"
    if runs.empty:
        yield Ours(why=why or f"the study has no {_MODEL} at N = {_N} on {one['dataset']}")
        return
    by_task = runs.groupby("task")["highest_test_accuracy"].mean()
    value = float(by_task.mean())
    if one["domain"] == "natural":
        few = f"the paper's pair of classes is not known, and the study has {len(by_task)}"
        why = why or (few if len(by_task) < 2 else "")
        low, high = float(by_task.min()), float(by_task.max())
        yield Ours(value, low=low, high=high, why=why, variant="range over pairs")
        return
    if not why and (tasks["split"] != "image").any():
        why = "split by patient; the paper's split mixes patients"
    n_test = float(tasks["n_test"].min())
    error = np.sqrt(value * (1 - value) / n_test)
    seeds = runs.groupby("task")["highest_test_accuracy"].sem().mean()
    yield Ours(value, float(np.hypot(error, np.nan_to_num(seeds))), why=why)


def _line(study: Study, tables: dict, one: pd.Series) -> Iterator[Ours]:
    """R² of fig. 4 of MICCAI 2022, against the ID of the task and of the dataset."""
    table = tables["accuracy_vs_id"]
    table = table[(table["kind"] == "line") & (table["domain"] == one["domain"])]
    table = table[(table["model"] == _MODEL) & (table["n_train"] == _N)]
    yield from _r_squared(table[table["response"] == "highest_test_accuracy"], f"at N = {_N}")


def _plane(study: Study, tables: dict, one: pd.Series) -> Iterator[Ours]:
    """R² of fig. 5b of MICCAI 2022."""
    table = tables["accuracy_plane"]
    table = table[(table["model"] == _MODEL) & (table["domain"] == one["domain"])]
    table = table[table["term"] != "log_n"]
    for found in _r_squared(table, "over N"):
        # A multiple correlation has no sign.
        yield Ours(found.value, n=found.n, why=found.why, variant=found.variant)


def _r_squared(table: pd.DataFrame, where: str) -> Iterator[Ours]:
    if table.empty:
        yield Ours(why=f"the study has no {_MODEL} {where}")
    for _, row in table.iterrows():
        variant = f"ID of the {row['id_of']}"
        if pd.isna(row["r_squared"]) or pd.isna(row["estimate"]):
            yield Ours(why=row["reason"] or "not fitted", variant=variant)
            continue
        sign = 1 if row["estimate"] > 0 else -1
        yield Ours(row["r_squared"], n=row["n_collections"], sign=sign, variant=variant)


def _training_sets(study: Study, one: pd.Series) -> tuple[pd.DataFrame, str]:
    """Properties of the training sets of ICLR 2024's sizes, and why they cannot be judged."""
    tasks, why = _tasks(study, one["dataset"])
    sets = study.properties[study.properties["task"].isin(tasks["task"])]
    sizes = sets["subset"].str.removeprefix("n").where(sets["subset"] != "pool").astype(float)
    sets = sets[sizes.between(*_TRAINING_SIZES)].assign(n=sizes)
    expected = 3 if one["dataset"] in ("cifar10", "svhn", "imagenet") else 1
    channels = set(tasks["channels"])
    if not why and channels - {expected}:
        why = f"{channels.pop()} channel(s), the paper's images have {expected}"
    if not why and (sets["n"].min(), sets["n"].max()) != _TRAINING_SIZES:
        why = "other training sizes than 500 to 1750"
    return sets, why


def _iclr_id(study: Study, tables: dict, one: pd.Series) -> Iterator[Ours]:
    """Fig. 1 of ICLR 2024: mean over training sets, and over pairs of natural classes."""
    sets, why = _training_sets(study, one)
    yield _over_sets(sets, _ESTIMATOR, sets[f"{_ESTIMATOR}_se"].astype(float), one, why)


def _iclr_sharpness(study: Study, tables: dict, one: pd.Series) -> Iterator[Ours]:
    """Fig. 1 of ICLR 2024, with the channels that the images have, by both rules of K_F."""
    sets, why = _training_sets(study, one)
    channels = sets["task"].map(study.datasets.set_index("task")["channels"]).astype(float)
    values = 255 * np.sqrt(channels * _SIZE**2)
    for rule, column in (
        ("definition", "label_sharpness"),
        ("released", "label_sharpness_released"),
    ):
        name = f"{column}_resolution_free"
        if name not in sets:
            yield Ours(why="the released rule was not measured", variant=rule)
            continue
        own = sets[name].astype(float) / values
        spread = sets[f"{column}_sd"].astype(float) * own / sets[column].astype(float)
        found = _over_sets(sets.assign(own=own), "own", spread.fillna(0), one, why)
        yield replace(found, variant=rule)


def _over_sets(
    sets: pd.DataFrame, column: str, errors: pd.Series, one: pd.Series, why: str
) -> Ours:
    """Mean over training sets and pairs; the error from the spread over pairs, if there are any.

    The paper's pairs are others than ours, so that its mean of five has that spread as well.
    """
    measured = sets[sets[column].notna()]
    if measured.empty:
        return Ours(why=why or "not measured")
    by_task = measured.groupby("task")[column].mean().astype(float)
    error = float(errors[measured.index].mean())
    if one["domain"] == "radiology":
        return Ours(float(by_task.mean()), error, why=why)
    if len(by_task) < 2:
        return Ours(float(by_task.mean()), error, why=why or "one pair of classes: no spread")
    spread = float(by_task.std())
    ours_error = np.hypot(spread, error) / np.sqrt(len(by_task))
    published = spread / np.sqrt(_PAIRS)
    return Ours(float(by_task.mean()), float(ours_error), published_error=published, why=why)


def _pearson(study: Study, tables: dict, one: pd.Series) -> Iterator[Ours]:
    """The printed correlation of ICLR 2024: FGSM at 2/255, means over models and sizes."""
    table = tables["loss_penalty_vs_sharpness"]
    table = table[(table["attack"] == "fgsm") & (table["epsilon_255"] == 2)]
    table = table[(table["model"] == "all") & (table["domain"] == "all")]
    table = table[table["response"] == "loss_penalty"]
    if table.empty:
        yield Ours(why="the study has no FGSM at 2/255")
    for _, row in table.iterrows():
        if pd.isna(row["pearson_r"]):
            yield Ours(why=row["reason"] or "not measured", variant=row["rule"])
        else:
            yield Ours(row["pearson_r"], n=row["n_collections"], variant=row["rule"])


_FIND = {
    ("miccai2022", "fig3", "intrinsic_dimension"): _pool_id,
    ("miccai2022", "fig4", "highest_test_accuracy"): _accuracy,
    ("miccai2022", "fig4", "r2_accuracy_vs_id"): _line,
    ("miccai2022", "fig5b", "r2_plane_accuracy_vs_id_and_log_n"): _plane,
    ("iclr2024", "fig1", "intrinsic_dimension"): _iclr_id,
    ("iclr2024", "fig1", "label_sharpness"): _iclr_sharpness,
    ("iclr2024", "fig1", "pearson_r_attack_loss_increase_vs_label_sharpness"): _pearson,
}
