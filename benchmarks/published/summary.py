"""Which rule gives the papers' printed values of MNIST and CIFAR-10? From pairs.csv, in seconds.

    python benchmarks/published/summary.py

Writes summary.csv, by_size.csv, summary.md and printed.png beside this file.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from idsharp.common.records import write_csv, write_text
from idsharp.common.resources import published_values
from idsharp.common.seeds import generator
from idsharp.report.figures.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    TWO_COLUMNS,
    handle,
    new_figure,
    save,
    styled,
)
from idsharp.report.inference import difference, fit
from idsharp.report.tables.comparison import judged, tolerance
from idsharp.tasks.sampling import draw_classes

HERE = Path(__file__).resolve().parent
SETS = {"MNIST": ("mnist", 1), "CIFAR-10": ("cifar10", 3), "CIFAR-10, gray": ("cifar10", 1)}
#: Columns of pairs.csv, what they are, and the published quantity that they stand beside.
QUANTITIES = {
    "id_mle_k1": ("ID, MLE (k−1)", "intrinsic_dimension"),
    "id_mle_k2": ("ID, MLE (k−2)", "intrinsic_dimension"),
    "definition": ("definition, M = 1000", "label_sharpness"),
    "all_pairs": ("definition, all pairs", "label_sharpness"),
    "released": ("released code, 107847b", "label_sharpness"),
    "first_version": ("first public version, c1014ab", "label_sharpness"),
}
PAIRS, REPEATS = 5, 100_000


def pair_values(rows: pd.DataFrame, column: str) -> np.ndarray:
    """Pairs × samples: means over the training sizes."""
    means = rows.groupby(["first", "second", "sample"])[column].mean()
    return means.unstack("sample").to_numpy()


def means_of_five(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Means over five random pairs, each of a random sample, as the papers' bars are."""
    order = np.argpartition(rng.random((REPEATS, len(values))), PAIRS, axis=1)[:, :PAIRS]
    return values[order, rng.integers(values.shape[1], size=order.shape)].mean(axis=1)


def printed(dataset: str, quantity: str) -> pd.Series:
    """The bar of ICLR 2024, figure 1."""
    table = pd.DataFrame(published_values()).query("source == 'iclr2024' and figure == 'fig1'")
    table = table.astype({"value": float, "reading_error": float})
    return table.query("dataset == @dataset and quantity == @quantity").iloc[0]


def of_the_study(dataset: str) -> list[tuple[int, int]]:
    """The five pairs of classes of config.yaml."""
    counts = pd.Series(5000, index=[str(label) for label in range(10)])
    drawn = (draw_classes(counts, 2, 1250, i, dataset) for i in range(1, PAIRS + 1))
    return [(int(first[0]), int(second[0])) for first, second in drawn]


def described(name: str, column: str, rows: pd.DataFrame, means: np.ndarray) -> dict:
    """Ours beside the printed value."""
    dataset, _ = SETS[name]
    what, quantity = QUANTITIES[column]
    one, values = printed(dataset, quantity), pair_values(rows, column)
    low, high = np.quantile(means, [0.025, 0.975])
    ours = rows.set_index(["first", "second"]).loc[of_the_study(dataset)]
    # What figure 1 was read off with.
    blur = generator("reading", name, column).normal(0, one["reading_error"], len(means))
    below = (means + blur < one["value"]).mean()
    row = {"set": name, "quantity": what, "printed": one["value"], "mean": values.mean()}
    row |= {"five_pairs_low": low, "five_pairs_high": high, "study_pairs": ours[column].mean()}
    row |= {"ratio": values.mean() / one["value"], "p": 2 * min(below, 1 - below)}
    of_pairs = np.sort(values.mean(axis=1))
    row |= {"five_lowest": of_pairs[:PAIRS].mean(), "five_highest": of_pairs[-PAIRS:].mean()}
    row |= {"sd_of_pairs": of_pairs.std(ddof=1)}
    row |= {"sd_of_samples": values.std(axis=1, ddof=1).mean()}
    row |= {"sd_of_draws": rows[f"{column}_sd"].mean() if f"{column}_sd" in rows else None}
    if name == "CIFAR-10, gray":
        return row | {"verdict": "not comparable", "why": "the paper's images are in color"}
    half = [np.hypot(end - values.mean(), 1.96 * one["reading_error"]) for end in (low, high)]
    gap = values.mean() - one["value"]
    return row | judged(float(gap - half[0]), float(gap + half[1]), tolerance(one))


def ratio_row(column: str, quotients: np.ndarray) -> dict:
    """MNIST over CIFAR-10 in color, in which a factor that both share would cancel."""
    what, quantity = QUANTITIES[column]
    bars = [printed(SETS[name][0], quantity) for name in ("MNIST", "CIFAR-10")]
    rng = generator("reading", "ratio", column)
    first, second = (
        bar["value"] + rng.normal(0, bar["reading_error"], len(quotients)) for bar in bars
    )
    below = (quotients < first / second).mean()
    low, median, high = np.quantile(quotients, [0.025, 0.5, 0.975])
    row = {"quantity": what, "printed": bars[0]["value"] / bars[1]["value"], "median": median}
    row |= {"five_pairs_low": low, "five_pairs_high": high}
    return row | {"p": 2 * min(below, 1 - below)}


def third_finding(color: dict[str, float]) -> pd.DataFrame:
    """Radiology's K_F over that of natural images, printed and ours, with Welch's intervals.

    Args:
        color: how many times as large K_F of CIFAR-10 is in gray as in color, by each rule.
    """
    table = pd.DataFrame(published_values()).query("source == 'iclr2024' and figure == 'fig1'")
    bars = table.query("quantity == 'label_sharpness'").rename(columns={"dataset": "collection"})
    bars = bars.assign(log=np.log(bars["value"].astype(float)), n_runs=1)
    sets = {"printed": bars}
    is_color = (bars["domain"] == "natural") & (bars["collection"] != "mnist")
    for rule, factor in color.items():
        name = f"printed, color made gray as CIFAR-10 by {rule}"
        sets[name] = bars.assign(log=bars["log"] + np.log(factor) * is_color)
    tasks = pd.read_csv(HERE.parent / "replication" / "properties.csv")
    tasks = tasks[tasks["instead_of"].isna()]
    for rule, column in (
        ("definition", "label_sharpness"),
        ("released", "label_sharpness_released"),
    ):
        points = tasks.assign(log=np.log(tasks[column])).groupby(["collection", "domain"])["log"]
        name = f"15 collections, gray, 64×64, {rule}"
        sets[name] = points.mean().reset_index().assign(n_runs=1)
    rows = []
    for name, points in sets.items():
        means = [fit(points[points["domain"] == d], "log")[0] for d in ("radiology", "natural")]
        gap = difference(*means)
        ends = {key: np.exp(gap[key]) for key in ("estimate", "low", "high")}
        counts = dict(
            zip(("n_radiology", "n_natural"), (x["n_collections"] for x in means), strict=True)
        )
        rows.append({"radiology / natural": name} | ends | counts)
    return pd.DataFrame(rows)


@styled
def draw(table: pd.DataFrame, summary: pd.DataFrame) -> Figure:
    """Every pair, and the range of means of five, by each rule; the printed value is a line."""
    figure = new_figure(TWO_COLUMNS, 58)
    rules = ["first_version", "released", "definition"]
    for axis, name in zip(figure.subplots(1, 2, sharey=True), list(SETS)[:2], strict=True):
        dataset, channels = SETS[name]
        part = table[(table["dataset"] == dataset) & (table["channels"] == channels)]
        found = summary[summary["set"] == name].set_index("quantity")
        for y, rule in enumerate(rules):
            row = found.loc[QUANTITIES[rule][0]]
            values = 1e4 * pair_values(part, rule).mean(axis=1)
            axis.plot(values, np.full(len(values), y - 0.18), "|", ms=7, color=GREY, alpha=0.6)
            ends = 1e4 * row[["five_pairs_low", "five_pairs_high"]].to_numpy(float)
            axis.plot(ends, [y + 0.1, y + 0.1], lw=4, color=BLUE, solid_capstyle="butt")
            axis.plot(1e4 * row["mean"], y + 0.1, "o", color=INK, ms=4)
        axis.axvline(1e4 * row["printed"], color=ORANGE, ls="--")
        axis.set_yticks(range(len(rules)), [QUANTITIES[rule][0] for rule in rules])
        axis.set_ylim(-0.6, len(rules) - 0.5)
        axis.set_xlim(left=0)
        axis.set_title(f"{name}, 224×224{', color' if channels == 3 else ''}")
        axis.set_xlabel("label sharpness $K_F$ [$10^{-4}$/intensity]")
    handles = [
        handle("printed", linestyle="--", color=ORANGE),
        handle("means of five random pairs, 95 %", linestyle="-", lw=4, color=BLUE),
        handle("mean of all 45", marker="o", color=INK, ms=4),
        handle("a pair", marker="|", color=GREY, ms=7),
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=4)
    return figure


def main() -> None:
    table = pd.read_csv(HERE / "pairs.csv")
    rows, ratios = [], []
    for column in QUANTITIES:
        means = {}
        for name, key in SETS.items():
            part = table[(table["dataset"] == key[0]) & (table["channels"] == key[1])]
            rng = generator("five pairs", name)
            means[name] = means_of_five(pair_values(part, column), rng)
            rows.append(described(name, column, part, means[name]))
        ratios.append(ratio_row(column, means["MNIST"] / means["CIFAR-10"]))
    summary = pd.DataFrame(rows).sort_values(
        "set", key=lambda names: names.map(list(SETS).index), kind="stable"
    )
    by_size = table.groupby(["dataset", "channels", "n_train"])[list(QUANTITIES)].mean()
    write_csv(HERE / "summary.csv", summary)
    write_csv(HERE / "by_size.csv", by_size.reset_index())
    means = summary.pivot(index="quantity", columns="set", values="mean")
    factors = means["CIFAR-10, gray"] / means["CIFAR-10"]
    color = {rule: float(factors[QUANTITIES[rule][0]]) for rule in ("definition", "released")}
    tables = summary, pd.DataFrame(ratios), by_size.reset_index(), third_finding(color)
    shown = [each.to_markdown(index=False, floatfmt=".3g") for each in tables]
    heads = ["# Printed values of MNIST and CIFAR-10", "## MNIST / CIFAR-10, in color", "## By N"]
    heads.append("## The third finding")
    shown[0] += (
        f"\n\np = 0: none of {REPEATS} means of five pairs lies as far out as the printed value."
    )
    parts = [part for pair in zip(heads, shown, strict=True) for part in pair]
    write_text(HERE / "summary.md", "\n\n".join(parts) + "\n")
    save(draw(table, summary), HERE / "printed", ("png",))


if __name__ == "__main__":
    main()
