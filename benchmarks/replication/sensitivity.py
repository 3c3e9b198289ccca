"""How the replication's answers depend on k, on M and on the size of the images.

    python benchmarks/replication/sensitivity.py results/replication \\
        results/replication_128px results/replication_224px

Measures every pool again: ID with k = 10, 20 and 40, and, on images of 32×32 (means of 2×2 pixels),
ID and K_F. Then repeats questions 1, 3 and 4 with each. Shows beside it what the other studies
measured on larger images. Writes sensitivity.csv and sensitivity.md beside this file.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from curves import exponents
from questions import DOMAINS, pearson, row
from records import read_records

from idsharp import intrinsic_dimension, label_sharpness
from idsharp.common.records import read_json, write_csv, write_text
from idsharp.report.inference import difference, fit
from idsharp.report.tables.attacks import penalty_points
from idsharp.report.tables.study import Study, first_choice
from idsharp.report.wording import with_interval

HERE = Path(__file__).resolve().parent
#: How each variant is named: the column of d, and that of K_F.
VARIANTS = {
    "as preregistered (64×64, k = 20, M = 1000)": ("d_20", "kf_1000"),
    "k = 10": ("d_10", "kf_1000"),
    "k = 40": ("d_40", "kf_1000"),
    "all pairs in place of M = 1000": ("d_20", "kf_all"),
    "32×32": ("d_32px", "kf_32px"),
}


def pool(folder: Path) -> dict[str, float]:
    """ID and K_F of one pool (N×1×64×64 uint8), by every variant."""
    images = np.load(folder / "images.npy")
    labels = pd.read_csv(folder / "samples.csv")["label"].to_numpy()
    n, channels, height, width = images.shape
    blocks = images.reshape(n, channels, height // 2, 2, width // 2, 2).mean(axis=(3, 5))
    small = np.rint(blocks).astype(np.uint8)
    found = {f"d_{k}": intrinsic_dimension(images, k).value for k in (10, 20, 40)}
    found |= {"d_32px": intrinsic_dimension(small, 20).value}
    found |= {"kf_1000": label_sharpness(images, labels, m=1000).value}
    found |= {"kf_all": label_sharpness(images, labels).value}
    return found | {"kf_32px": label_sharpness(small, labels, m=1000).value}


def pools(results: Path, study: Study) -> pd.DataFrame:
    """Every task's pool that stands in for no other and has 1000 images or more."""
    datasets = first_choice(study.datasets)
    own = datasets[datasets["n_pool"] >= 1000]
    rows = [pool(results / "data" / task) for task in own["task"]]
    return own[["task", "collection", "domain"]].reset_index(drop=True).join(pd.DataFrame(rows))


def answers(measured: pd.DataFrame, study: Study, variant: str) -> list[dict]:
    """Questions 1, 3b and 4 with the d and K_F of one variant."""
    d, sharpness = VARIANTS[variant]
    log = np.log(measured[sharpness])
    values = measured.assign(d=measured[d], log_sharpness=log, n_runs=1)
    each = ["collection", "domain"]
    points = values.groupby(each, as_index=False)[["d", "log_sharpness", "n_runs"]].mean()
    means = [fit(points[points["domain"] == domain], "d")[0] for domain in DOMAINS]
    rows = [row("1", "ID, radiology − natural", variant, difference(*means), -1)]
    # Losses and penalties are of the trained tasks alone.
    trained = values[values["task"].isin(study.runs["task"])]
    trained = trained.groupby(each, as_index=False)[["d", "log_sharpness", "n_runs"]].mean()
    points = study.points(["log_loss"]).points[["collection", "log_loss"]]
    points = trained.merge(points, on="collection")
    # ln N is the same for all collections, so that 1/d stands for (ln N)/d.
    points = points.assign(inverse_id=1 / points["d"])
    on_d, on_sharpness = fit(points, "log_loss", ["inverse_id", "log_sharpness"])
    rows.append(row("3b", "slope of ln loss on 1/d beside ln K_F", variant, on_d, -1))
    rows.append(row("3b", "slope of ln loss on ln K_F beside 1/d", variant, on_sharpness, +1))
    curves = exponents(study).drop(columns="inverse_id")
    curves = curves.merge(points[["collection", "inverse_id"]], on="collection")
    slope = fit(curves, "exponent", ["inverse_id"])[0]
    rows.append(row("3a", "slope of the exponent on 1/d", variant, slope, +1))
    penalties = penalty_points(study).query("model == 'all' and epsilon_255 == 2")
    for attack, points in penalties.groupby("attack"):
        points = trained.merge(points[["collection", "loss_penalty"]], on="collection")
        points = points[points["loss_penalty"] > 0]
        points = points.assign(log_penalty=np.log(points["loss_penalty"]))
        found = pearson(points, "log_sharpness", "log_penalty")
        rows.append(
            row("4", f"r of ln penalty and ln K_F, {attack.upper()} 2/255", variant, found, +1)
        )
    return rows


def larger(folders: list[Path], study: Study) -> pd.DataFrame:
    """ID and K_F of the same pools at each size, K_F per root-mean-square change of a pixel."""
    columns = {"id_mle_k1": "ID, MLE (k−1)", "id_twonn_10pct": "ID, TwoNN (−10 %)"}
    columns |= {"label_sharpness_resolution_free": "K_F, resolution-free"}
    here, rows = study.datasets.set_index("task"), []
    for folder in folders:
        for path in sorted(folder.glob("properties/*/pool.json")):
            task = path.parent.name
            size = np.load(folder / "data" / task / "images.npy", mmap_mode="r").shape[-1]
            rows += [{"task": task, "pixels": size} | read_json(path)]
            rows += [{"task": task, "pixels": here["image_size"][task]} | here.loc[task].to_dict()]
    found = pd.DataFrame(rows)[["task", "pixels", *columns]].drop_duplicates(["task", "pixels"])
    return found.sort_values(["task", "pixels"]).rename(columns=columns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("results", type=Path, help="folder of the study, for its images")
    parser.add_argument("larger", type=Path, nargs="+", help="folders of those of larger images")
    study, args = read_records(), parser.parse_args()
    measured = pools(args.results, study)
    found = pd.DataFrame([each for name in VARIANTS for each in answers(measured, study, name)])
    write_csv(HERE / "sensitivity.csv", found)
    numbers = found[["estimate", "low", "high"]].astype(float).to_numpy()
    shown = found.assign(estimate=[with_interval(*three) for three in numbers])
    wide = shown.pivot(index="over", columns="quantity", values="estimate").loc[list(VARIANTS)]
    verdicts = found.groupby("quantity")["verdict"].unique().map(", ".join)
    text = wide.rename_axis("").to_markdown() + "\n\nVerdicts: "
    text += "; ".join(f"{name}: {verdict}" for name, verdict in verdicts.items()) + "."
    sizes = larger(args.larger, study).to_markdown(index=False, floatfmt=".1f")
    parts = ["# How the answers depend on k, M and size", text]
    parts += ["## The same images, larger", sizes]
    write_text(HERE / "sensitivity.md", "\n\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
