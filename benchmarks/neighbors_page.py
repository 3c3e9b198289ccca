"""The page and the figure of `neighbors.py`, from its table."""

from pathlib import Path

import pandas as pd

K = 25
# A peer counts as exact while its distances are right to this relative error (float32 rounding).
EXACT = 1e-4
PEERS = ("faiss-cpu flat", "scikit-learn brute", "scikit-dimension", "DADApy")
COLORS = {  # Okabe & Ito: told apart by color-blind readers; line styles differ too.
    "idsharp": ("#0072B2", "o-"),
    "faiss-cpu flat": ("#D55E00", "s--"),
    "scikit-learn brute": ("#009E73", "^-."),
    "pynndescent": ("#CC79A7", "D:"),
}


def page(results: pd.DataFrame, every: list[tuple[str, int, str]]) -> str:
    """The results as Markdown; what of `every` image size, n and tool is not measured is named."""
    first = results.iloc[0]
    versions = results.dropna(subset="version").drop_duplicates("tool")
    lines = [
        f"# {K} nearest neighbors of every image",
        "",
        f"Made by `python benchmarks/neighbors.py` on {first.date}: {first.processor}, "
        f"{first.cores} cores, AVX512-VNNI: {first.avx512_vnni}, {first.memory_gb} GB of memory, "
        f"Python {first.python}; "
        + ", ".join(
            f"{'torch' if t == 'idsharp' else t} {v}"
            for t, v in zip(versions.tool, versions.version, strict=True)
        )
        + ". No GPU was measured.",
        "",
        "Each tool alone in its own process, all cores. Peers get float32 values, "
        "converted before the clock starts; idsharp reads the 8-bit file, memory-mapped, and also "
        "finds the nearest image of another class. *Predicted*, before measuring: the matrix "
        "product alone, at the rates that each run measures first (neighbors.csv), half of it for "
        "idsharp. *CPU*: processor seconds, of all cores. *Others*: cores that other processes "
        "kept busy meanwhile, which slow the measured time. *Peak memory*: the whole process's. "
        "*Largest error*: of a peer's distances against the exact ones, relative; 1 is a "
        f"distance of zero between two different images. A peer is exact up to {EXACT:g}. "
        "scikit-dimension and DADApy search by scikit-learn.",
        "",
        *summary(results),
        "",
        "| images | n | tool | predicted (s) | measured (s) | CPU (s) | others | peak memory (GB) "
        "| largest error | recall | note |",
        "|---|--:|---|--:|--:|--:|--:|--:|--:|--:|---|",
    ]
    for row in results.itertuples():
        numbers = (
            number(row.predicted_s, ".2f"),
            number(row.seconds, ".2f"),
            number(row.cpu_s, ".2f"),
            number(row.others, ".2f"),
            number(row.peak_gb, ".2f"),
            number(row.largest_error, ".0e"),
            number(row.recall, ".4f"),
        )
        cells = (row.images, str(row.n), row.tool, *numbers, note(row))
        lines.append("| " + " | ".join(cells) + " |")
    done = set(zip(results.images, results.n, results.tool, strict=True))
    missing = [f"{name}, n = {n}, {tool}" for name, n, tool in every if (name, n, tool) not in done]
    if missing:
        lines += ["", "Not measured: " + "; ".join(missing) + "."]
    sources = results.drop_duplicates("images")
    lines += [
        "",
        "Images: " + "; ".join(f"{r.images} {r.data}" for r in sources.itertuples()) + ".",
    ]
    return "\n".join([*lines, "", "![Seconds against n](neighbors.png)", ""])


def number(value: float, form: str) -> str:
    return "" if pd.isna(value) else format(value, form)


def note(row) -> str:
    """What a row says beside its numbers."""
    parts = [] if pd.isna(row.note) else [row.note]
    if not pd.isna(row.total_s):
        parts.append(f"{row.total_s:.2f} s with both estimates of dimension and label sharpness")
    if not pd.isna(row.compiling_s):
        parts.append(f"and {row.compiling_s:.0f} s of compiling, once a process")
    return ", ".join(parts)


def summary(results: pd.DataFrame) -> list[str]:
    """How many times as fast as the fastest peer, right or not, and where approximation pays."""
    lines = []
    for (name, n), group in results.groupby(["images", "n"], sort=False):
        peers = group[group.tool.isin(PEERS)].dropna(subset="seconds")
        ours = group[group.tool == "idsharp"].dropna(subset="seconds")
        if peers.empty or ours.empty:
            continue
        total = ours.iloc[0].total_s
        fastest = peers.loc[peers.seconds.idxmin()]
        named = {"the fastest peer": fastest}
        exact = peers[peers.largest_error <= EXACT]
        if len(exact):
            named = {"the fastest exact peer": exact.loc[exact.seconds.idxmin()]} | named
        if len(exact) and named["the fastest exact peer"].tool == fastest.tool:
            del named["the fastest peer"]
        line = f"* {name}, n = {n}: {total:.2f} s in all"
        for what, peer in named.items():
            ratio = peer.seconds / total
            times = f"{ratio:.1f}" if ratio >= 1 else f"{ratio:.2f}"
            line += f", {times} times as fast as the neighbors alone by {what}"
            line += f", {peer.tool} ({peer.seconds:.2f} s)"
            if peer.largest_error > EXACT:
                line += f", which is wrong by up to {peer.largest_error:.0%}"
        lines.append(line + ".")
    for name, group in results.groupby("images", sort=False):
        seconds = group.pivot_table(index="n", columns="tool", values="seconds")
        if "pynndescent" not in seconds or "idsharp" not in seconds:
            continue
        faster = seconds.index[seconds["pynndescent"] < seconds["idsharp"]]
        where = f"from n = {faster.min()} on" if len(faster) else f"at no n up to {group.n.max()}"
        lines.append(
            f"* {name}: pynndescent, once compiled, is faster than the exact pass {where}."
        )
    return lines


def plot(results: pd.DataFrame, out: Path) -> None:
    """Seconds against n, one panel for each size of image."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    grown = results[results.images.isin(["1×28×28", "1×64×64"])].dropna(subset="seconds")
    sizes = grown.images.unique()
    if not len(sizes):
        return
    figure, panels = plt.subplots(
        1,
        len(sizes),
        figsize=(4.6 * len(sizes), 4.2),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for panel, size in zip(panels[0], sizes, strict=True):
        part = grown[grown.images == size]
        for tool, (color, style) in COLORS.items():
            line = part[part.tool == tool].sort_values("n")
            if line.empty:
                continue
            label = f"{tool} (approximate)" if tool == "pynndescent" else tool
            panel.plot(line.n, line.seconds, style, color=color, label=label, markersize=5)
        panel.set(xscale="log", yscale="log", xlabel="images", title=f"{size} pixels, k = {K}")
        panel.set_xticks(sorted(part.n.unique()), [f"{n:,}" for n in sorted(part.n.unique())])
        panel.minorticks_off()
        panel.grid(alpha=0.3)
    panels[0][0].set_ylabel("time (s)")
    handles, names = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names), frameon=False)
    figure.savefig(out, dpi=150)
