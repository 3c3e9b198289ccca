"""The page and the plot that `training.py` makes of its results."""

from pathlib import Path

import numpy as np
import pandas as pd
from neighbors_page import number

from idsharp.models.names import PAPERS
from idsharp.study.config import study_settings

SIDES = (64, 224)
STRAIGHT, WORKERS = "straightforward", "straightforward, workers"
GRAPHS, EXACT = "idsharp, CUDA graphs", "idsharp, deterministic"
# On a CPU, where it is not the default; a GPU that has it uses it anyway.
BFLOAT16 = "idsharp, bfloat16"
OURS = ("idsharp", GRAPHS, BFLOAT16)
LOOPS = ("start-up", "ceiling", "decoding", STRAIGHT, WORKERS, *OURS, EXACT)


def whole_paper(results: pd.DataFrame, config: dict) -> list[str]:
    """Hours of every training of both papers on 1, 4 and 8 GPUs, from the fastest rows measured."""
    study = study_settings(config | {"study": "paper"})
    sizes = [n for task in study["tasks"] for n in sizes_of(task, study, config)]
    trainings = len(sizes) * len(study["seeds"])
    lines = ["| model | trainings | 1 GPU (h) | 4 GPUs (h) | 8 GPUs (h) |", "|---|--:|--:|--:|--:|"]
    hours = {}
    for model in study["models"]:
        rows = results[
            (results.model == model)
            & (results.side == 224)
            & results.loop.isin(["idsharp", GRAPHS])
        ].dropna(subset=["utilization", "images_per_second"])
        cells = ["not measured"] * 3
        if len(rows):
            best = rows.loc[rows.images_per_second.idxmax()]
            epochs = len(study["seeds"]) * study["epochs"]
            trained = epochs * sum(sizes) / best.images_per_second
            tested = epochs * len(sizes) * study["n_test"] / best.tested_per_second
            hours[model] = (trained + tested) / 3600
            cells = [f"{hours[model] / gpus:.1f}" for gpus in (1, 4, 8)]
        lines.append(f"| {model} | {trainings} | " + " | ".join(cells) + " |")
    if len(hours) == len(study["models"]):
        total = " | ".join(f"{sum(hours.values()) / gpus:.1f}" for gpus in (1, 4, 8))
        lines.append(f"| all | {trainings * len(hours)} | {total} |")
    return lines


def sizes_of(task: str, study: dict, config: dict) -> list[int]:
    """The training sizes of a study that a task can give; the others are gaps in its tables."""
    if config["tasks"][task]["dataset"] != "imagenet":
        return study["n_train"]
    # A pair of ILSVRC's classes, of at most 1300 training images each.
    return [n for n in study["n_train"] if n + study["n_test"] <= 2 * 1300]


def page(results: pd.DataFrame, config: dict) -> str:
    """The results as Markdown."""
    first = results.iloc[-1]
    starts = results[results.loop == "start-up"]
    start = f"{starts.startup_s.iloc[-1]:.1f} s" if len(starts) else "not measured"
    lines = [
        "# Training",
        "",
        f"Made by `python benchmarks/training.py` on {first.date}: {first.processor}, "
        f"{first.cores} cores, {first.memory_gb} GB of memory; Python {first.python}, "
        f"torch {first.torch}, torchvision {first.torchvision}.",
        "",
        "Images a second of training, each loop alone in its own processes; batch sizes are the "
        "papers', outputs 1000, one channel. *Straightforward*: a DataLoader that opens, scales "
        "and resizes every image in every epoch, torch.optim.Adam, float16 with a scaler on a GPU; "
        f"workers: {first.cores}. *Ceiling*: forward, backward and step on one fixed batch of the "
        "best of several sizes, in parentheses. *Predicted*, before measuring: the step on a fixed "
        "batch of the papers' size, for the straightforward loop with the time of decoding. "
        "*Jobs*: trainings at the same time on the one device; the cores are divided among them. "
        "*Others*: cores that other processes kept busy meanwhile, which slow what is measured.",
        "",
        f"Start-up of a job (Python, torch, data, files; ResNet-18): {start}.",
        "",
        *summary(results),
        "",
        "| device | side | model | batch | loop | jobs | threads | predicted (images/s) | measured "
        "(images/s) | share of the ceiling | GPU busy (%) | others | peak memory (MB) | note |",
        "|---|--:|---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|---|",
    ]
    for row in results[results.loop != "start-up"].itertuples():
        note = "" if pd.isna(row.note) else row.note
        if row.loop == "ceiling" and not pd.isna(row.best_batch):
            note = f"(batch {row.best_batch:.0f}; at {row.batch:.0f} {row.at_papers_batch:.1f})"
        share = row.images_per_second / ceiling_of(results, row)
        numbers = (
            number(row.predicted, ".1f"),
            number(row.images_per_second, ".1f"),
            number(share if row.loop not in ("decoding", BFLOAT16) else float("nan"), ".0%"),
            number(row.utilization, ".0f"),
            number(row.others, ".2f"),
            number(row.peak_memory_mb, ".0f"),
        )
        cells = (row.device, str(row.side), row.model, f"{row.batch:.0f}", row.loop)
        cells += (str(row.jobs), f"{row.threads:.0f}", *numbers, note)
        lines.append("| " + " | ".join(cells) + " |")
    if "data" in results:
        what = sorted(set(results["data"].dropna()))
        lines += ["", "Images: " + "; ".join(what) + "."]
    lines += ["", "Not measured: " + "; ".join(missing(results)) + "."]
    lines += ["", "## The whole of both papers", ""]
    lines += [
        "Every training of the study `paper` that its data allow, with testing after every epoch, "
        "from the fastest rows measured on one GPU; more GPUs divide the time, since trainings are "
        "independent.",
        "",
        *whole_paper(results, config),
    ]
    return "\n".join([*lines, "", "![Images a second](training.png)", ""])


def ceiling_of(results: pd.DataFrame, row) -> float:
    """Images a second of the ceiling that belongs to a row; NaN where it was not measured."""
    same = (results.model == row.model) & (results.side == row.side)
    found = results[same & (results.device == row.device) & (results.loop == "ceiling")]
    return found.images_per_second.max()


def missing(results: pd.DataFrame) -> list[str]:
    """What a reader may look for and does not find."""
    parts = []
    if results.utilization.isna().all():
        parts.append(
            "any GPU, so also CUDA graphs, deterministic algorithms and jobs that share one"
        )
    done = set(zip(results.side, results.model, strict=True))
    for side in SIDES:
        absent = [model for model in PAPERS if (side, model) not in done]
        if absent:
            parts.append(f"{side}×{side} " + ", ".join(absent))
    return parts or ["nothing of what was planned"]


def summary(results: pd.DataFrame) -> list[str]:
    """How many times as fast as the straightforward loop, and how near to the ceiling."""
    lines = []
    for (device, side, model), group in results.groupby(["device", "side", "model"], sort=False):
        rates = group.dropna(subset="images_per_second")
        ours = rates[rates.loop.isin(["idsharp", GRAPHS])]
        coarse = rates[rates.loop == BFLOAT16].images_per_second
        plain, best = rates[rates.loop == STRAIGHT], rates[rates.loop == "ceiling"]
        if ours.empty or plain.empty or best.empty:
            continue
        fastest = ours.loc[ours.images_per_second.idxmax()]
        rate, ceiling = fastest.images_per_second, best.images_per_second.max()
        beside = rates[rates.loop == WORKERS].images_per_second
        with_workers = f" ({rate / beside.iloc[-1]:.1f} with workers)" if len(beside) else ""
        lines.append(
            f"* {device}, {side}×{side}, {model}: {rate:.1f} images/s with {fastest.jobs} "
            f"job{'s' if fastest.jobs > 1 else ''}, "
            f"{rate / plain.images_per_second.max():.1f} times the straightforward loop"
            f"{with_workers}, {rate / ceiling:.0%} of the ceiling"
            + (f"; in bfloat16 {coarse.max():.1f} images/s." if len(coarse) else ".")
        )
    return lines


def plot(results: pd.DataFrame, out: Path) -> None:
    """Speed of every loop against the ceiling, one panel for each size of image."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    # Okabe & Ito: told apart by color-blind readers; hatches differ too.
    styles = {
        STRAIGHT: ("#D55E00", "//"),
        WORKERS: ("#E69F00", "\\\\"),
        "idsharp": ("#0072B2", ""),
        BFLOAT16: ("#56B4E9", ""),
    }
    timed = results[results.loop.isin([*styles, "ceiling"])].dropna(subset="images_per_second")
    # Without its ceiling nothing can be shown of a network.
    timed = timed.merge(timed[timed.loop == "ceiling"][["model", "side"]].drop_duplicates())
    sides = sorted(timed.side.unique())
    if not sides:
        return
    figure, panels = plt.subplots(
        1, len(sides), figsize=(5.4 * len(sides), 4.2), squeeze=False, layout="constrained"
    )
    for panel, side in zip(panels[0], sides, strict=True):
        part = timed[timed.side == side]
        rates = part.groupby(["model", "loop"]).images_per_second.max().unstack()
        rates = rates.reindex([model for model in PAPERS if model in rates.index])
        shares = 100 * rates.div(rates["ceiling"], axis="index")
        for i, (loop, (color, hatch)) in enumerate(styles.items()):
            if loop in shares:
                places = np.arange(len(shares)) + 0.2 * (i - 1.5)
                panel.bar(places, shares[loop], 0.2, color=color, hatch=hatch, label=loop)
        panel.axhline(100, color="black", linewidth=1, label="ceiling")
        names = [f"{m} ({rate:.{0 if rate >= 20 else 1}f})" for m, rate in rates["ceiling"].items()]
        panel.set_xticks(range(len(rates)), names, fontsize=8, rotation=40, ha="right")
        panel.set(title=f"{side}×{side} pixels, {part.device.iloc[-1]}")
        panel.grid(alpha=0.3, axis="y")
    panels[0][0].set_ylabel("training (% of the float32 ceiling)")
    figure.supxlabel("network (its ceiling in images/s)", fontsize=9)
    handles, names = panels[0][0].get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside upper center", ncols=5 if len(sides) > 1 else 2, frameon=False
    )
    figure.savefig(out, dpi=150)
