"""Time and memory of exact neighbors: idsharp against its peers.

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
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from machine import machine
from neighbors_page import COLORS, PEERS, K, page, plot

HERE = Path(__file__).resolve().parent
SECONDS_ALLOWED = 600
# Cores that other processes may keep busy before a measurement is repeated.
DISTURBANCE = 0.1
# Seconds below which it is repeated.
SHORT = 25
TOOLS = ("idsharp", *PEERS, "pynndescent")
SIZES = ("1×224×224", "3×224×224", "1×28×28", "1×64×64")


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
    every = [(name, n, tool) for name, _, tools in cases(False) for tool, n in tools.items()]
    (options.out / "neighbors.md").write_text(page(results, every), encoding="utf-8")
    plot(results, options.out / "neighbors.png")


if __name__ == "__main__":
    main()
