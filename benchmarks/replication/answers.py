"""The answers to the replication's questions 2 to 6, from the tables of the study.

    python benchmarks/replication/answers.py results/replication results/replication_pgd

Writes answers.csv (one row per estimate, with its interval and verdict) and answers.md beside this
file. docs/replication.md says what was asked, and what counts as support.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from idsharp.common.records import read_table, write_csv, write_text
from idsharp.report.correlation import correlation
from idsharp.report.inference import difference, fit
from idsharp.report.points import collection_means
from idsharp.report.wording import with_interval

HERE = Path(__file__).resolve().parent
#: Collections with fewer than 2000 images: answers that use ID are repeated without them.
SMALL = ("BUS-BRA", "NIH_X-ray", "GTSRB")
#: By which the tables infer: pool's ID, all runs, all networks.
PRIMARY = {"model": "all", "id_estimator": "id_mle_k1", "losses": "all"}
DOMAINS = ("radiology", "natural")
ALL, LARGE = "15 collections", "without the three small ones"


def of(table: pd.DataFrame, **names: object) -> dict:
    """The one row with these values, as a record without its missing values."""
    for name, value in names.items():
        table = table[table[name] == value]
    assert len(table) == 1, f"{len(table)} rows have {names}"
    return table.iloc[0].dropna().to_dict()


def row(
    question: str, quantity: str, over: str, found: dict, side: int | None, null: float = 0.0
) -> dict:
    """One estimate; `side`: the sign that the papers expect of estimate − null, None if none."""
    record = {"question": question, "quantity": quantity, "over": over}
    record |= {key: found.get(key) for key in ("estimate", "low", "high", "p", "n_collections")}
    record |= {key: found.get(key) for key in ("low_without_one", "high_without_one", "decided_by")}
    low, high = record["low"], record["high"]
    if low is None:
        verdict = f"not measured: {found.get('reason')}"
    elif low <= null <= high:
        verdict = "cannot tell"
    else:
        as_expected = side is None or side * (low - null) > 0
        verdict = "support" if as_expected else "refutation"
    return record | {"verdict": verdict}


def pearson(points: pd.DataFrame, x: str, y: str) -> dict:
    """A correlation with the names of a fit."""
    found = correlation(points, x, y)
    ends = {"estimate": "pearson_r", "low": "pearson_low", "high": "pearson_high"}
    ends |= {f"{end}_without_one": f"pearson_{end}_without_one" for end in ("low", "high")}
    ends |= {"decided_by": "pearson_decided_by", "p": "permutation_p", "reason": "reason"}
    names = {ours: found[theirs] for ours, theirs in ends.items() if theirs in found}
    return names | {"n_collections": len(points)}


def parts(points: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """All collections, and those with 2000 images."""
    return [(ALL, points), (LARGE, points[~points["collection"].isin(SMALL)])]


def accuracy(points: pd.DataFrame) -> list[dict]:
    """Question 2: highest test accuracy on ID in each domain, and the difference of slopes."""
    rows = []
    for over, used in parts(points):
        slopes = {
            domain: fit(used[used["domain"] == domain], "highest_test_accuracy", ["pool_id"])[0]
            for domain in DOMAINS
        }
        for domain, slope in slopes.items():
            rows.append(row("2", f"slope of accuracy on ID, {domain} (per unit)", over, slope, -1))
        gap = difference(slopes["radiology"], slopes["natural"])
        rows.append(row("2", "difference of slopes, radiology − natural", over, gap, None))
    return rows


def curves(tables: dict, points: pd.DataFrame) -> list[dict]:
    """Question 3: the exponent on 1/d, ln K_F beside 1/d, and a collection left out predicted."""
    rows = []
    each = tables["exponents"].query("kind == 'collection' and losses == 'all'")
    each = each.dropna(subset=["exponent", "inverse_id"]).reset_index(drop=True)
    for over, used in parts(each.assign(n_runs=1)):
        slope = fit(used, "exponent", ["inverse_id"])[0]
        rows.append(row("3a", "slope of the exponent on 1/d (the law: 1)", over, slope, +1))
    rows.append(
        row(
            "3a",
            "mean of exponent − 1/d",
            ALL,
            fit(each.assign(gap=each["exponent"] - each["inverse_id"], n_runs=1), "gap")[0],
            None,
        )
    )
    for rule in ("definition", "released"):
        names = PRIMARY | {
            "kind": "with K_F",
            "dimension": "pool_id",
            "domain": "all",
            "rule": rule,
        }
        for term, text in (("log_n_over_pool_id", "(ln N)/d"), ("log_sharpness", "ln K_F")):
            found = of(tables["generalization_law"], **names, term=term, n_train="all")
            side = -1 if term != "log_sharpness" else +1
            rows.append(
                row("3b", f"slope of ln loss on {text}, K_F by the {rule} rule", ALL, found, side)
            )
    predicted = tables["predictions"].query("dimension == 'pool_id' and losses == 'all'")
    squares = predicted.assign(square=(predicted["log_loss"] - predicted["predicted"]) ** 2)
    squares = squares.pivot(
        index=["collection", "domain"], columns="kind", values="square"
    ).reset_index()
    for kind in ("without K_F", "with K_F", "with domain", "law"):
        gains = squares.assign(gain=squares["constant"] - squares[kind], n_runs=1)
        text = f"gain in squared error of ln loss over the mean, {kind}"
        rows.append(row("3c", text, ALL, fit(gains, "gain")[0], +1))
    return rows


def penalties(tables: dict) -> list[dict]:
    """Question 4: log of the loss penalty against ln K_F, by attack and ε."""
    rows = []
    points = tables["penalty_points"].query("model == 'all'")
    for (attack, epsilon), each in points.groupby(["attack", "epsilon_255"]):
        positive = each[each["loss_penalty"] > 0]
        dropped = sorted(set(each["collection"]) - set(positive["collection"]))
        over = ALL if not dropped else f"without {', '.join(dropped)} (no penalty)"
        logs = positive.assign(
            x=np.log(positive["pool_sharpness"]), y=np.log(positive["loss_penalty"])
        )
        text = f"r of ln penalty and ln K_F, {attack.upper()} {epsilon:g}/255"
        rows.append(row("4", text, over, pearson(logs, "x", "y"), +1))
        for domain in DOMAINS:
            inside = logs[logs["domain"] == domain]
            rows.append(row("4", f"{text}, {domain}", over, pearson(inside, "x", "y"), +1))
    return rows


def representations(tables: dict) -> list[dict]:
    """Question 5: ID of data less that of the representation, and the depth of the peak."""
    runs = tables["runs"]
    runs = runs[runs["task"].isin(first_choices(tables))]
    # Both by TwoNN, of the same training set.
    gaps = runs.assign(gap=runs["data_id_as_representation"] - runs["representation_id"])
    points = collection_means(gaps, ["gap"]).points
    rows = [row("5", "ID of data − ID of representation (TwoNN)", ALL, fit(points, "gap")[0], +1)]
    for domain in DOMAINS:
        found = fit(points[points["domain"] == domain], "gap")[0]
        rows.append(row("5", f"the same, {domain}", ALL, found, +1))
    found = of(tables["representation_peaks"], kind="difference", model="all")
    # The table has natural − radiology: positive where radiology peaks earlier.
    turned = {"estimate": -found["estimate"], "low": -found["high"], "high": -found["low"]}
    text = "relative depth of the peak, radiology − natural"
    rows.append(
        row("5", text, ALL, {"p": found["p"], "n_collections": found["n_collections"]} | turned, -1)
    )
    return rows


def first_choices(tables: dict) -> set[str]:
    """Tasks that stand in for no other."""
    datasets = tables["datasets"]
    return set(datasets.loc[datasets["instead_of"].isna(), "task"])


def leakage(tables: dict) -> pd.DataFrame:
    """Question 6: accuracy and loss split by image less those split by patient, same images."""
    runs, rows = tables["runs"].set_index(["task", "model", "n_train"]), []
    for task in ("kermany", "lgg_tumour"):
        for (_, model, n), by_patient in runs[
            runs.index.get_level_values("task") == task
        ].iterrows():
            other = (f"{task}_by_image", model, n)
            if other not in runs.index:
                continue
            record = {"task": task, "model": model, "N": n}
            for name in ("highest_test_accuracy", "test_accuracy", "test_loss"):
                record[f"{name}, by patient"] = by_patient[name]
                record[f"{name}, by image"] = runs.loc[other, name]
            rows.append(record)
    return pd.DataFrame(rows)


def read_tables(results: list[Path]) -> dict:
    """Tables of the first folder; points of attacks from all."""
    names = ["datasets", "runs", "collections", "exponents", "generalization_law", "predictions"]
    names += ["representation_peaks"]
    tables = {name: read_table(results[0] / "tables" / f"{name}.csv") for name in names}
    attacked = [read_table(folder / "tables" / "penalty_points.csv") for folder in results]
    return tables | {"penalty_points": pd.concat(attacked, ignore_index=True)}


INTRODUCTION = """# Answers to the replication's questions 2 to 6

Made by `python benchmarks/replication/answers.py`. Estimates with 95 % intervals over collections;
`without one` is the range of the estimate as each collection is left out in turn, `decided by` the
one that moves it most."""


def page(answers: pd.DataFrame, leaks: pd.DataFrame) -> str:
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
    if len(leaks):
        parts += ["Split by image against split by patient, on the same images:"]
        parts += [leaks.to_markdown(index=False, floatfmt=".3f")]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("results", type=Path, nargs="+", help="folders of the studies")
    args = parser.parse_args()
    tables = read_tables(args.results)
    points = tables["collections"].query("losses == 'all'").reset_index(drop=True)
    rows = accuracy(points) + curves(tables, points) + penalties(tables) + representations(tables)
    answers = pd.DataFrame(rows)
    write_csv(HERE / "answers.csv", answers)
    write_text(HERE / "answers.md", page(answers, leakage(tables)))


if __name__ == "__main__":
    main()
