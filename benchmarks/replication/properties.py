"""Dimension and sharpness of the replication's tasks.

    python benchmarks/replication/properties.py

Reads the records of all pools, averages the tasks of a collection, compares the domains by Welch
over collections, and writes properties.md, properties.csv and a figure beside this file.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from records import read_records

from idsharp.common.records import write_csv, write_text
from idsharp.properties.estimators import ESTIMATORS
from idsharp.report.figures.style import (
    COLORS,
    GREY,
    TWO_COLUMNS,
    handle,
    marker,
    new_figure,
    save,
    styled,
)
from idsharp.report.inference import difference, fit
from idsharp.report.tables.study import Study

HERE = Path(__file__).resolve().parent
RULES = {
    "label_sharpness": "K_F by the definition, M = 1000",
    "label_sharpness_released": "K_F by the released code's rule",
    "label_sharpness_all": "K_F by the definition, all pairs",
}
#: What collections are called.
NAMES = pd.read_csv(HERE / "sources.csv").set_index("collection_id")["collection"]
#: A task of fewer images has an ID that compares with no other: SVHN's 282.
FEWEST = 1000
#: Pools of fewer images than the others' 2000, for which every comparison is repeated without them.
SMALL = ("BUS-BRA", "NIH_X-ray", "GTSRB")
#: Collections that the papers use, too, or take their images from.
SHARED = ("MNIST", "CIFAR-10", "Imagenette", "knee_X-ray")


def pools(study: Study) -> pd.DataFrame:
    """One row per task of images enough."""
    names = ["task", "collection", "domain", "instead_of", "n_pool"]
    names += ["n_duplicates", "n_label_conflicts", *ESTIMATORS, "id_mle_k1_se", *RULES]
    tasks = study.datasets[names].rename(columns={"n_pool": "n_images"})
    return tasks[tasks["n_images"] >= FEWEST].reset_index(drop=True)


def collections(tasks: pd.DataFrame) -> pd.DataFrame:
    """Means over the tasks of each collection, without those that stand in for others."""
    own = tasks[tasks["instead_of"] == ""]
    logs = {f"log_{rule}": np.log(own[rule]) for rule in RULES}
    means = own.assign(**logs).groupby(["collection", "domain"], as_index=False)
    columns = [*ESTIMATORS, *logs]
    return means[columns].mean().assign(n_runs=means.size()["size"])


def gaps(points: pd.DataFrame) -> pd.DataFrame:
    """Each quantity by domain, and radiology less natural (for K_F their ratio)."""
    rows = []
    names = {name: each.short for name, each in ESTIMATORS.items()}
    names = {name: f"ID, {short}" for name, short in names.items()}
    names |= {f"log_{rule}": text for rule, text in RULES.items()}
    for column, text in names.items():
        means = {domain: fit(part, column)[0] for domain, part in points.groupby("domain")}
        gap = difference(means["radiology"], means["natural"])
        is_log = column.startswith("log_")
        row = {"quantity": text, "compared as": "ratio" if is_log else "difference"}
        for domain, found in (*sorted(means.items()), ("radiology v natural", gap)):
            numbers = np.array([found[end] for end in ("estimate", "low", "high")])
            estimate, low, high = np.exp(numbers) if is_log else numbers
            row[domain] = f"{estimate:.3g} [{low:.3g}, {high:.3g}]"
        row |= {"p": gap["p"], "decided by": gap["decided_by"]}
        rows.append(row)
    return pd.DataFrame(rows)


def without_one(points: pd.DataFrame) -> pd.DataFrame:
    """The ratio of K_F, radiology to natural, as each collection is left out."""
    rows = []
    for name in sorted(points["collection"]):
        found = gaps(points[points["collection"] != name])
        ratio = found[found["quantity"] == RULES["label_sharpness"]].iloc[0]
        rows.append({"without": NAMES[name]} | ratio[["radiology v natural", "p"]].to_dict())
    return pd.DataFrame(rows)


@styled
def draw(tasks: pd.DataFrame, points: pd.DataFrame):
    """ID and both K_F of every collection, by domain; tasks are small, collections large."""
    figure = new_figure(TWO_COLUMNS, 84)
    order = points.sort_values(["domain", "id_mle_k1"])["collection"].tolist()
    own = tasks[tasks["instead_of"] == ""]
    panels = {
        "id_mle_k1": ("intrinsic dimension (MLE, k − 1)", 1),
        "label_sharpness": ("$K_F$, definition [$10^{-4}$ per gray level]", 1e4),
        "label_sharpness_released": ("$K_F$, released rule [$10^{-4}$ per gray level]", 1e4),
    }
    axes = figure.subplots(1, 3, sharey=True)
    for axis, (column, (label, factor)) in zip(axes, panels.items(), strict=True):
        for _, task in own.iterrows():
            y = order.index(task["collection"])
            axis.plot(factor * task[column], y, ms=3, mfc="white", **marker(task["domain"]))
        for _, point in points.iterrows():
            value = point[column] if column in ESTIMATORS else np.exp(point[f"log_{column}"])
            axis.plot(factor * value, order.index(point["collection"]), **marker(point["domain"]))
        axis.set_xlim(left=0)
        axis.set_xlabel(label)
        axis.grid(axis="x", color="#dddddd", lw=0.5)
        axis.set_axisbelow(True)
    axes[0].set_yticks(range(len(order)), [NAMES[name] for name in order])
    domains = points.set_index("collection")["domain"]
    for tick, name in zip(axes[0].get_yticklabels(), order, strict=True):
        tick.set_color(COLORS[domains[name]])
    handles = [handle(f"{d} ({(domains == d).sum()} collections)", **marker(d)) for d in COLORS]
    handles.append(
        handle("a task (filled: mean of a collection)", marker="o", color=GREY, mfc="white", ms=3)
    )
    figure.legend(handles=handles, loc="outside upper left", ncols=3)
    return figure


def main() -> None:
    tasks = pools(read_records())
    points = collections(tasks)
    write_csv(HERE / "properties.csv", tasks)
    shown = tasks.drop(columns="id_mle_k1_se").to_markdown(index=False, floatfmt=".3g")
    others = points[~points["collection"].isin(SMALL)]
    parts = ["# Dimension and sharpness of the replication's tasks", shown]
    parts += ["All collections:", gaps(points).to_markdown(index=False, floatfmt=".2g")]
    parts += ["Without the three of fewer than 2000 images:"]
    parts += [gaps(others).to_markdown(index=False, floatfmt=".2g")]
    parts += ["Without the four collections that the papers measure, too:"]
    own = points[~points["collection"].isin(SHARED)]
    parts += [gaps(own).to_markdown(index=False, floatfmt=".2g")]
    parts += ["K_F by the definition, M = 1000, as each collection is left out:"]
    parts += [without_one(points).to_markdown(index=False, floatfmt=".2g")]
    write_text(HERE / "properties.md", "\n\n".join(parts) + "\n")
    save(draw(tasks, points), HERE / "properties", ("png",))


if __name__ == "__main__":
    main()
