"""The answers to the replication's questions, from its records.

    python benchmarks/replication/answers.py

Writes answers.csv (one row per estimate, with its interval and verdict) and answers.md beside this
file. docs/replication.md says what was asked, and what counts as support.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from curves import SLOPE, primary
from questions import ALL, GAP, PEAK, accuracy, curves, dimension, penalties, representations
from records import read_records
from statsmodels.stats.multitest import multipletests

from idsharp.common.records import read_table, write_csv, write_text
from idsharp.report.points import collection_means
from idsharp.report.tables.losses import models
from idsharp.report.tables.study import Study
from idsharp.report.wording import with_interval

HERE = Path(__file__).resolve().parent
#: Training loss below which a network counts as settled: docs/replication_details.md, "Epochs".
SETTLED = 0.12
#: The estimates that were registered: docs/replication.md, "Questions".
REGISTERED = (
    "ID, radiology − natural",
    "slope of accuracy on ID, radiology (per unit)",
    "slope of accuracy on ID, natural (per unit)",
    "difference of slopes, radiology − natural",
    SLOPE,
    "slope of ln loss on ln K_F, beside (ln N)/d",
    "gain in squared error of ln loss over the mean by (ln N)/d and ln K_F",
    "r of ln penalty and ln K_F, FGSM 2/255",
    "r of ln penalty and ln K_F, PGD 2/255",
    GAP,
    PEAK,
)
LEAKING = ("highest_test_accuracy", "test_accuracy", "test_loss")


def leakage(study: Study) -> pd.DataFrame:
    """Question 6: accuracy and loss split by image and by patient, same images and seeds."""
    keys, names = ["task", "model", "n_train"], list(LEAKING)
    parts = []
    for task in ("kermany", "lgg_tumour"):
        by_patient, by_image = (
            study.runs[study.runs["task"] == name].assign(task=task)
            for name in (task, f"{task}_by_image")
        )
        pairs = by_patient.merge(
            by_image, on=[*keys, "seed"], suffixes=(", by patient", ", by image")
        )
        columns = [f"{name}, by {unit}" for name in names for unit in ("patient", "image")]
        parts.append(pairs.groupby(keys, as_index=False)[columns].mean())
    return pd.concat(parts, ignore_index=True).rename(columns={"n_train": "N"})


def counts(study: Study) -> pd.DataFrame:
    """How far the networks of the primary tasks have learned."""
    runs = primary(study.runs)
    chance, settled = runs["above_chance_loss"].eq(True), runs["train_loss"] <= SETTLED
    runs = runs.assign(chance=chance, unsettled=~settled)
    groups = [*runs.groupby(["model", "n_train"]), (("all", "all"), runs)]
    return pd.DataFrame([
        {
            "model": model, "N": n, "networks": len(rows),
            "test loss above chance": rows["chance"].sum(),
            f"training loss above {SETTLED}": rows["unsettled"].sum(),
            "highest training loss": rows["train_loss"].max(),
        }
        for (model, n), rows in groups
    ])  # fmt: skip


def repeated(study: Study) -> pd.DataFrame:
    """What the trainings of the first round, with the same seed on another processor, differ in."""
    first = read_table(HERE / "first_round.csv")
    keys = ["task", "model", "n_train", "seed"]
    penalties = study.attacks.query("epsilon_255 == 2")
    penalties = penalties.pivot(index=keys, columns="attack", values="loss_penalty")
    now = study.runs.merge(penalties.add_suffix("_penalty").reset_index(), on=keys, how="left")
    both = first.merge(now, on=keys, suffixes=("", "_now"))
    rows = []
    for name in [name for name in first if name not in keys and f"{name}_now" in both]:
        a, b = both[name], both[f"{name}_now"]
        if name != "highest_test_accuracy":
            a, b, name = np.log(a.where(a > 0)), np.log(b.where(b > 0)), f"ln {name}"
        is_mnist = both["task"].str.startswith("mnist")
        for over, gap in (("all", b - a), ("without MNIST", (b - a)[~is_mnist])):
            noise = gap.std() / np.sqrt(2)
            rows.append({"quantity": name, "over": over, "networks": gap.count(),
                         "mean difference": gap.mean(), "standard error": gap.sem(),
                         "SD of one training": noise})  # fmt: skip
    return pd.DataFrame(rows)


def between_seeds(study: Study) -> pd.DataFrame:
    """How far trainings that differ in their seed alone lie apart, and collections, to compare."""
    columns = ["highest_test_accuracy", "log_loss", "representation_id"]
    runs = primary(study.runs)
    runs = runs.assign(log_loss=np.log(runs["test_loss"]))
    is_mnist, rows = runs["collection"] == "MNIST", []
    for over, part in (("all", runs), ("without MNIST", runs[~is_mnist])):
        for model, each in part.groupby("model"):
            means = collection_means(each, columns)
            for name, sd in means.seed_sd.items():
                if sd is not None:
                    rows.append({
                        "quantity": name, "over": over, "model": model,
                        "seeds": each["seed"].nunique(), "SD between seeds": sd,
                        "SD between collections": means.points[name].std(),
                    })  # fmt: skip
    return pd.DataFrame(rows)


def alone(study: Study, model: str) -> Study:
    """The study with one network alone."""
    tables = {name: getattr(study, name) for name in ("runs", "attacks", "layers")}
    return replace(study, **{name: t[t["model"] == model] for name, t in tables.items()})


def answers(study: Study) -> pd.DataFrame:
    """Every answer, over all networks and, where there are several, of each network alone."""

    def of_networks(study: Study) -> pd.DataFrame:
        rows = accuracy(study) + curves(study) + penalties(study) + representations(study)
        return pd.DataFrame(rows)

    found = [pd.DataFrame(dimension(study)), of_networks(study)]
    # After "all", where there are several.
    for model in models(study)[1:] if len(models(study)) > 2 else []:
        each = of_networks(alone(study, model))
        found.append(each[each["over"] == ALL].assign(over=f"{ALL}, {model} alone"))
    return pd.concat(found, ignore_index=True)


def registered(found: pd.DataFrame) -> pd.DataFrame:
    """The estimates that were fixed before anything was measured, p corrected for their number."""
    own = found[found["over"] == ALL]
    own = own[own["quantity"].str.replace(r" \(RMSE.*", "", regex=True).isin(REGISTERED)]
    if len(own) != len(REGISTERED):
        raise ValueError(f"{len(own)} estimates are called as the {len(REGISTERED)} registered")
    p_holm = multipletests(own["p"].astype(float), method="holm")[1]
    columns = ["question", "quantity", "p", "p (Holm)", "verdict"]
    return own.assign(**{"p (Holm)": p_holm})[columns]


INTRODUCTION = """# Answers to the replication's questions

Made by `python benchmarks/replication/answers.py`. Estimates with 95 % intervals over collections;
`without one` is the range of the estimate as each collection is left out in turn, `decided by` the
one that moves it most."""


def page(answers: pd.DataFrame, others: dict[str, pd.DataFrame]) -> str:
    """The tables as Markdown."""
    numbers = answers[["estimate", "low", "high", "low_without_one", "high_without_one"]]
    numbers = numbers.astype(float).to_numpy()
    estimates = [with_interval(*three) if np.isfinite(three[0]) else "" for three in numbers[:, :3]]
    ranges = [
        f"{low:.3g} to {high:.3g}" if np.isfinite(low) else "" for low, high in numbers[:, 3:]
    ]
    shown = pd.DataFrame({
        "": answers["question"], "quantity": answers["quantity"], "over": answers["over"],
        "estimate": estimates,
        "p": answers["p"], "collections": answers["n_collections"],
        "without one": ranges,
        "decided by": answers["decided_by"].fillna(""), "verdict": answers["verdict"],
    })  # fmt: skip
    parts = [INTRODUCTION, shown.to_markdown(index=False, floatfmt=".2g")]
    for heading, table in ((h, t) for h, t in others.items() if len(t)):
        parts += [f"## {heading}", table.to_markdown(index=False, floatfmt=".3f")]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    study = read_records()
    found = answers(study)
    write_csv(HERE / "answers.csv", found)
    others = {
        "The registered estimates, corrected for their number": registered(found),
        "Split by image against split by patient, on the same images": leakage(study),
        "How far the networks have learned": counts(study),
        "The same trainings on two processors": repeated(study),
        "Trainings that differ in the seed alone": between_seeds(study),
    }
    write_text(HERE / "answers.md", page(found, others))


if __name__ == "__main__":
    main()
