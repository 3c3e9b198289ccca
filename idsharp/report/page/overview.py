"""What was run, what was left out, and what must be said of it."""

from collections.abc import Callable

import pandas as pd

from idsharp.properties.estimators import ESTIMATORS
from idsharp.report.page.blocks import Block, Grid, Note, Points, Text, cell, grid, two_places
from idsharp.report.page.content import Content
from idsharp.report.wording import count, listed, number

#: Share of test images without a gradient above which the page says so.
_VANISHED = 0.01
_RUN = ["task", "model", "n_train", "seed"]


def overview(content: Content) -> list[Block]:
    """Collections, networks, sizes and seeds; notes on data; runs that fits leave out."""
    datasets, runs = content.tables["datasets"], content.tables["runs"]
    blocks: list[Block] = [Note(content.note)] if content.note else []
    blocks.append(Text(_what_was_run(datasets, runs)))
    noted = datasets.dropna(subset=["note"])
    blocks += [
        Note(f"**{', '.join(group['task'])}: {note}.**") for note, group in noted.groupby("note")
    ]
    left_out = [*_left_out(runs), *_missing_cells(content.tables["collections"])]
    if left_out:
        blocks += [Text("Left out, or to be kept in mind:"), Points(left_out)]
    return blocks


def _what_was_run(datasets: pd.DataFrame, runs: pd.DataFrame) -> str:
    parts = []
    for domain, group in datasets.groupby("domain"):
        collections = sorted(group["collection"].unique())
        parts.append(
            f"{count(len(collections), f'{domain} collection')} ({', '.join(collections)})"
        )
    sizes = ", ".join(str(n) for n in sorted(runs["n_train"].unique()))
    channels = " or ".join(str(n) for n in sorted(datasets["channels"].unique()))
    size = datasets["image_size"].iloc[0]
    trained = (runs["status"] != "too few images").sum()
    return (
        f"{count(len(datasets), 'task')} of {listed(parts)}; images of {size}×{size} pixels and "
        f"{channels} channel{'' if channels == '1' else 's'}. "
        f"{count(trained, 'trained network')}: {', '.join(dict.fromkeys(runs['model']))}; "
        f"N = {sizes}; {count(runs['seed'].nunique(), 'seed')}. "
        "The unit of evidence is the collection: tasks, "
        "networks, sizes and seeds repeat measurements of the same images."
    )


def _left_out(runs: pd.DataFrame) -> list[str]:
    found = []
    for status, group in runs[runs["status"] != "ok"].groupby("status"):
        tasks = ", ".join(group["task"].unique())
        found.append(f"**{status.capitalize()}: {len(group)}** ({tasks}), left out of every fit.")
    constant = runs[runs["constant_output"].eq(True)]
    if len(constant):
        found.append(
            f"**{count(len(constant), 'network')} with one answer to every image** "
            f"({', '.join(constant['model'].unique())}): they learned nothing and are left out of "
            "every fit."
        )
    above = runs["above_chance_loss"].eq(True)
    if above.any():
        found.append(
            f"**Test loss above chance (ln of the number of classes) in {above.sum()} of "
            f"{(runs['status'] == 'ok').sum()} runs**: such a loss says how wrong confident "
            "answers are, not how well a network generalizes. Every law of the loss is fitted with "
            "these runs and without them."
        )
    if runs["seed"].nunique() == 1:
        found.append("One seed: the noise of training was not measured.")
    return found


def _missing_cells(collections: pd.DataFrame) -> list[str]:
    notes = collections.loc[collections["losses"] == "all", "left_out"].dropna().unique()
    return [f"Means over networks and sizes: {note}." for note in notes if note]


def datasets_grid(datasets: pd.DataFrame) -> list[Block]:
    """Each task's pool with its dimension by every estimator and its label sharpness."""
    ordered = datasets.sort_values(["domain", "collection", "task"])
    estimates = {
        column: (text, two_places)
        for name, estimator in ESTIMATORS.items()
        for column, text in ((name, f"ID, {estimator.short}"), (f"{name}_se", "± SE"))
    }
    columns: dict[str, tuple[str, Callable]] = {
        "task": ("task", str),
        "collection": ("collection", str),
        "domain": ("domain", str),
        "classes": ("classes", _words),
        "n_pool": ("n", cell),
        "n_duplicates": ("duplicates", cell),
        "n_label_conflicts": ("label conflicts", cell),
        **estimates,
        "label_sharpness": ("K_F at M", number),
        "label_sharpness_sd": ("± SD", number),
        "label_sharpness_m": ("M", cell),
        "label_sharpness_all": ("K_F, all pairs", number),
        "label_sharpness_resolution_free": ("K_F at M, res.-free", number),
    }
    text = (
        "K_F is in 1/intensity (8 bit), res.-free in units of the full range; n is the number of "
        "images in the pool."
    )
    fewer = ordered[ordered["n_pool"] < ordered["n_pool_requested"]]
    if len(fewer):
        cases = [f"{r.task} {r.n_pool} of {r.n_pool_requested}" for r in fewer.itertuples()]
        text += f" The data gave fewer images than the study asks for: {', '.join(cases)}."
    shared = ordered[ordered["draws_share_images"].eq(True)]
    if len(shared):
        text += (
            f" Draws share images in {', '.join(shared['task'])} (M > n/5), so their SD is smaller "
            "than that of independent samples."
        )
    return [grid(ordered, columns, source="tables/datasets.csv"), Text(text)]


def networks_grid(content: Content) -> list[Block]:
    """The networks of the largest N, with their losses under attack."""
    runs, attacks = content.tables["runs"], content.tables["attacks"]
    rows = runs[runs["n_train"] == runs["n_train"].max()]
    columns = {
        "task": ("task", str),
        "model": ("model", str),
        "n_train": ("N", cell),
        "test_loss": ("test loss [nats]", number),
        "highest_test_accuracy": ("highest accuracy", number),
        "data_id": ("d_data", two_places),
        "representation_id": ("d_repr", two_places),
    }
    for attack in attacks["attack"].unique():
        penalty, accuracy = f"{attack}_penalty", f"{attack}_accuracy"
        shown = attacks[(attacks["attack"] == attack) & (attacks["epsilon_255"] == content.epsilon)]
        shown = shown.rename(columns={"loss_penalty": penalty, "attacked_accuracy": accuracy})
        rows = rows.merge(shown[[*_RUN, penalty, accuracy]], on=_RUN)
        name = f"{attack.upper()} ε = {content.epsilon}/255"
        columns[penalty] = (f"penalty, {name} [nats]", number)
        columns[accuracy] = (f"accuracy, {name}", number)
    rows = rows.sort_values(["domain", "task", "model", "seed"])
    text = (
        "The largest N only; [tables/runs.csv](tables/runs.csv) and "
        "[tables/attacks.csv](tables/attacks.csv) have all."
    )
    return [_folded_if_long(rows, columns), Text(text), *attack_notes(attacks)]


def _folded_if_long(rows: pd.DataFrame, columns: dict) -> Grid:
    title = f"{count(len(rows), 'network')} of the largest N"
    return grid(rows, columns, title=title, source="tables/runs.csv", folded=len(rows) > 30)


def attack_notes(attacks: pd.DataFrame) -> list[Block]:
    """What casts doubt on attacks: gradients that vanish, and PGD that does less than FGSM."""
    notes: list[Block] = []
    attacks = attacks[attacks["status"] == "ok"]
    networks = attacks.drop_duplicates(_RUN)
    share = networks["n_zero_gradient"] / networks["n_test_images"]
    if (share > _VANISHED).any():
        notes.append(
            Note(
                f"**Vanishing gradients: on {(share > _VANISHED).sum()} of {len(networks)} "
                f"networks more than {100 * _VANISHED:.0f} % of the test images have no gradient "
                f"(most: {100 * share.max():.0f} %, {_network(networks.loc[share.idxmax()])}).** "
                "No attack moves these images: losses and accuracies under attack look better than "
                "they are. In float32, gradients underflow where logits differ by about 100."
            )
        )
    both = attacks[attacks["attack"] == "fgsm"].merge(
        attacks[attacks["attack"] == "pgd"], on=[*_RUN, "epsilon_255"], suffixes=("_fgsm", "_pgd")
    )
    # Both attack the same images, so that the interval is wider than the noise of the difference.
    weaker = both[both["attacked_accuracy_low_pgd"] > both["attacked_accuracy_fgsm"]]
    if len(weaker):
        gap = weaker["attacked_accuracy_pgd"] - weaker["attacked_accuracy_fgsm"]
        most = weaker.loc[gap.idxmax()]
        notes.append(
            Note(
                f"**PGD does less than FGSM in {len(weaker)} of {len(both)} cases (networks and "
                f"ε), most at ε = {most['epsilon_255']:.0f}/255 on {_network(most)}: accuracy "
                f"{number(most['attacked_accuracy_pgd'])} against "
                f"{number(most['attacked_accuracy_fgsm'])}.** "
                "Gradients mislead there (masking), or PGD needs more steps."
            )
        )
    return notes


def _network(row: pd.Series) -> str:
    return f"{row['task']}, {row['model']}, N = {row['n_train']}, seed {row['seed']}"


def _words(text: str) -> str:
    """Words without the character that divides the cells of a Markdown table."""
    return text.replace("|", "/")
