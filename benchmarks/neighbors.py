"""Time and memory of exact neighbours: idsharp against its peers.

    python benchmarks/neighbors.py [--quick] [--dadapy PYTHON]

The peers are scikit-learn, faiss, scikit-dimension and DADApy; pynndescent is approximate. Every
tool runs alone in a process of its own, on the same images, with all cores. Results are kept in
`neighbors.csv` beside this file as they come in; `neighbors.md` and `neighbors.png` are made from
it. The images are real where IDSHARP_TEST_DATA names a folder that holds them (`brain_tumor_mri/`,
`mnist_idx/`), and synthetic otherwise. A tool that is not installed is skipped, with the reason in
the table.
"""

import argparse
import gzip
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
K = 25
SECONDS_ALLOWED = 600
# Cores that other processes may keep busy before a measurement is repeated.
DISTURBANCE = 0.1
# Seconds below which it is repeated.
SHORT = 25
# A peer counts as exact while its distances are right to this relative error (float32 rounding).
EXACT = 1e-4
PEERS = ("faiss-cpu flat", "scikit-learn brute", "scikit-dimension", "DADApy")
TOOLS = ("idsharp", *PEERS, "pynndescent")
SIZES = ("1×224×224", "3×224×224", "1×28×28", "1×64×64")
COLORS = {  # Okabe & Ito: told apart by colour-blind readers; line styles differ too.
    "idsharp": ("#0072B2", "o-"),
    "faiss-cpu flat": ("#D55E00", "s--"),
    "scikit-learn brute": ("#009E73", "^-."),
    "pynndescent": ("#CC79A7", "D:"),
}


def cases(quick: bool) -> list[tuple[str, tuple[int, ...], dict[str, int]]]:
    """Name, image shape, and for each tool the number of images that it is timed on."""
    if quick:
        few = dict.fromkeys(("idsharp", *PEERS), 600)
        return [
            ("1×224×224", (1, 224, 224), few),
            *growth(28, (500, 1000), {}, {"pynndescent": 1000}),
            *growth(64, (500, 1000), {}, {"pynndescent": 1001}),
        ]
    large = {"idsharp": 7500, "faiss-cpu flat": 7500}
    # The last two search by scikit-learn and hold further copies: fewer images stand for all.
    one_channel = {"scikit-learn brute": 7500, "scikit-dimension": 3000, "DADApy": 3000}
    others = ("idsharp", "scikit-learn brute", "scikit-dimension", "DADApy")
    most, least = {"scikit-learn brute": 10_000, "faiss-cpu flat": 30_000}, {"pynndescent": 30_000}
    return [
        ("1×224×224", (1, 224, 224), large | one_channel),
        ("3×224×224", (3, 224, 224), large),
        ("3×224×224", (3, 224, 224), dict.fromkeys(others, 2000)),
        *growth(28, (1000, 3000, 10_000, 30_000, 60_000), most, least),
        *growth(64, (1000, 3000, 10_000, 30_000), most, least),
    ]


def growth(side: int, sizes: tuple[int, ...], most: dict[str, int], least: dict[str, int]) -> list:
    """Cases of growing n; `most` and `least` keep a tool from sizes that take it too long."""
    return [
        (
            f"1×{side}×{side}",
            (1, side, side),
            {tool: n for tool in COLORS if least.get(tool, n) <= n <= most.get(tool, n)},
        )
        for n in sizes
    ]


def images(shape: tuple[int, ...], n: int) -> tuple[np.ndarray, np.ndarray, str]:
    """n distinct uint8 images of this shape, their labels, and what they are."""
    data = os.environ.get("IDSHARP_TEST_DATA")
    folder = Path(data) if data else None
    if folder and shape[1] == 224 and (folder / "brain_tumor_mri").is_dir():
        return brain_mri(folder / "brain_tumor_mri", shape[0], n)
    if folder and shape[1] < 224 and (folder / "mnist_idx").is_dir():
        return mnist(folder / "mnist_idx", shape[1], n)
    rng = np.random.default_rng(0)
    blobs = rng.normal(size=(20, int(np.prod(shape)))).astype(np.float32)
    made = np.empty((n, *shape), dtype=np.uint8)
    for start in range(0, n, 500):
        codes = rng.normal(size=(len(made[start : start + 500]), 20)).astype(np.float32)
        values = 128 + 12 * codes @ blobs
        made[start : start + 500] = np.clip(values, 0, 255).reshape(-1, *shape)
    return made, rng.integers(0, 2, n), "synthetic images, clipped linear manifolds of dimension 20"


def brain_mri(folder: Path, channels: int, n: int) -> tuple[np.ndarray, np.ndarray, str]:
    """Distinct slices in an order of chance; their mirror images where there are too few."""
    from PIL import Image

    files = sorted(folder.glob("*/*/*.jpg"))
    files = [files[i] for i in np.random.default_rng(0).permutation(len(files))]
    made = np.empty((n, channels, 224, 224), dtype=np.uint8)
    labels, seen = [], set()
    for mirrored in (False, True):
        for file in files:
            picture = Image.open(file).convert("RGB" if channels == 3 else "L").resize((224, 224))
            pixels = np.asarray(picture).reshape(224, 224, channels).transpose(2, 0, 1)
            pixels = pixels[:, :, ::-1] if mirrored else pixels
            if len(labels) < n and (key := hash(pixels.tobytes())) not in seen:
                seen.add(key)
                made[len(labels)] = pixels
                labels.append(file.parent.name)
    return made, np.unique(labels, return_inverse=True)[1], "brain MRI slices (and mirror images)"


def mnist(folder: Path, side: int, n: int) -> tuple[np.ndarray, np.ndarray, str]:
    """The first n training digits, resized."""
    import torch

    read = {
        kind: np.frombuffer(
            gzip.decompress((folder / f"train-{kind}-ubyte.gz").read_bytes()), np.uint8
        )
        for kind in ("images-idx3", "labels-idx1")
    }
    digits = read["images-idx3"][16:].reshape(-1, 1, 28, 28)[:n]
    labels = read["labels-idx1"][8:][:n].astype(np.int64)
    if side == 28:
        return digits, labels, "MNIST"
    resized = torch.nn.functional.interpolate(
        torch.from_numpy(digits.copy()).float(), size=(side, side), mode="bilinear", antialias=True
    )
    return resized.round().to(torch.uint8).numpy(), labels, f"MNIST resized to {side}×{side}"


def product_rates() -> dict[str, float]:
    """Multiplications a second of this machine's matrix products, by the type multiplied."""
    import torch

    a = torch.randint(-128, 128, (1024, 8192), dtype=torch.int8)
    rates = {}
    for name, dtype in (("int8", None), ("float32", torch.float32), ("float64", torch.float64)):
        b = a if dtype is None else a.to(dtype)
        times = []
        for _ in range(4):
            start = time.perf_counter()
            _ = torch._int_mm(b, b.T) if dtype is None else b @ b.T
            times.append(time.perf_counter() - start)
        rates[name] = 1024 * 1024 * 8192 / min(times)
    return rates


def predicted(tool: str, n: int, columns: int, rates: dict[str, float]) -> float | None:
    """Seconds of the matrix product alone: half of it in int8 for idsharp, all for the peers."""
    pairs = float(n) ** 2 * columns
    if tool == "pynndescent":
        return None
    if tool == "idsharp":
        return pairs / 2 / rates["int8"]
    return pairs / rates["float32" if tool == "faiss-cpu flat" else "float64"]


def undisturbed(tool: str, python: str, folder: Path, n: int) -> dict:
    """The least disturbed of at most three runs; one, where the machine was quiet or it is long."""
    best = None
    for _ in range(3):
        record = run(tool, python, folder, n)
        if best is None or record.get("others", 0) < best["others"]:
            best = record
        if record.get("seconds", SHORT) >= SHORT or not record["others"] > DISTURBANCE:
            break
    return best


def run(tool: str, python: str, folder: Path, n: int) -> dict:
    """What the tool's process reports, or a note on why it does not."""
    for name in ("images", "labels"):
        whole = np.load(folder / f"{name}.npy", mmap_mode="r")
        np.save(folder / f"some_{name}.npy", whole[:n])
    command = [python, HERE / "peers.py", tool, folder / "some_images.npy"]
    command += [folder / "some_labels.npy", str(K), folder / f"{tool}.npy"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_ALLOWED)
    except FileNotFoundError:
        return {"note": f"not installed: no {python}"}
    except subprocess.TimeoutExpired:
        return {"note": f"stopped after {SECONDS_ALLOWED} s"}
    if done.returncode < 0:
        return {"note": f"ended by signal {-done.returncode} (out of memory?)"}
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1]
        missing = "ModuleNotFoundError" in reason
        return {"note": f"not installed: {reason}" if missing else f"failed: {reason}"}
    return json.loads(done.stdout.strip().splitlines()[-1])


def largest_error(tool: str, folder: Path) -> float | None:
    """Largest relative difference of a tool's distances from the exact ones of as many images."""
    ours, theirs = folder / "idsharp.npy", folder / f"{tool}.npy"
    if tool in ("idsharp", "pynndescent") or not ours.exists() or not theirs.exists():
        return None
    exact, found = np.load(ours), np.load(theirs)
    if exact.shape != found.shape:
        return None
    return float((np.abs(found - exact) / exact).max())


def measure(
    quick: bool, only: list[str], tools_wanted: list[str], dadapy: str, table: Path
) -> None:
    """Runs the cases of these images and tools, and writes the table after each."""
    rates = product_rates()
    rows = pd.read_csv(table).to_dict("records") if table.exists() else []
    rows = [r for r in rows if r["images"] not in only or r["tool"] not in tools_wanted]
    for name, shape, tools in cases(quick):
        tools = {tool: n for tool, n in tools.items() if tool in tools_wanted}
        if name not in only or not tools:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            pictures, labels, what = images(shape, max(tools.values()))
            np.save(folder / "images.npy", pictures)
            np.save(folder / "labels.npy", labels)
            del pictures
            for tool, n in tools.items():
                python = dadapy if tool == "DADApy" else sys.executable
                row = {"images": name, "n": n, "columns": int(np.prod(shape)), "tool": tool}
                row["predicted_s"] = predicted(tool, n, row["columns"], rates)
                row |= undisturbed(tool, python, folder, n)
                row["largest_error"] = largest_error(tool, folder)
                rows.append(row | {"data": what} | machine() | rates)
                print(f"{name} n={n} {tool}: {row.get('seconds', row.get('note'))}", flush=True)
                pd.DataFrame(rows).to_csv(table, index=False)


def machine() -> dict:
    """Processor, cores, memory, Python and the day."""
    cpuinfo = Path("/proc/cpuinfo")
    name, vnni = platform.processor(), "unknown"
    if cpuinfo.exists():
        text = cpuinfo.read_text()
        models = [line.split(":")[1].strip() for line in text.splitlines() if "model name" in line]
        name, vnni = (models or [name])[0], "yes" if "avx512_vnni" in text else "no"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return {
        "processor": name,
        "avx512_vnni": vnni,
        "cores": cores,
        "memory_gb": round(memory),
        "python": platform.python_version(),
        "date": date.today().isoformat(),
    }


def page(results: pd.DataFrame) -> str:
    """The results as Markdown."""
    first = results.iloc[0]
    versions = results.dropna(subset="version").drop_duplicates("tool")
    lines = [
        f"# {K} nearest neighbours of every image",
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
    every = [(name, n, tool) for name, _, tools in cases(False) for tool, n in tools.items()]
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
            line += f", {times} times as fast as the neighbours alone by {what}"
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="few images; a minute or two")
    parser.add_argument(
        "--images", nargs="+", default=SIZES, choices=SIZES, help="measure these; keep the rest"
    )
    parser.add_argument(
        "--tools", nargs="+", default=TOOLS, choices=TOOLS, help="measure these; keep the rest"
    )
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the results")
    parser.add_argument("--render", action="store_true", help="only redraw from neighbors.csv")
    parser.add_argument(
        "--dadapy",
        default=str(HERE.parent / ".venv/peers/bin/python"),
        help="Python with DADApy, which needs an older NumPy",
    )
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    table = options.out / "neighbors.csv"
    if not options.render:
        measure(options.quick, options.images, options.tools, options.dadapy, table)
    results = pd.read_csv(table)
    order = {name: i for i, name in enumerate((*SIZES, *TOOLS))}
    results = results.sort_values(["images", "n", "tool"], key=lambda c: c.map(order).fillna(c))
    for column in (
        *("note", "version", "recall", "total_s", "compiling_s"),
        *("seconds", "cpu_s", "others", "peak_gb"),
    ):
        if column not in results:
            results[column] = np.nan
    (options.out / "neighbors.md").write_text(page(results), encoding="utf-8")
    plot(results, options.out / "neighbors.png")


if __name__ == "__main__":
    main()
