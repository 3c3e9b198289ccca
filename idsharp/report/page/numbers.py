"""Numbers that stand beside the claims: what they can and cannot tell, in a sentence each."""

import pandas as pd

from idsharp.report.wording import count, number, with_interval

WORDS = {"natural": "natural images", "radiology": "radiology"}


def beside_claim(tables: dict[str, pd.DataFrame], claim: str) -> list[str]:
    """What else must be said of a claim."""
    return {"C2": _lines, "C5": _exponents, "C6": _gap}.get(claim, lambda tables: [])(tables)


def _lines(tables: dict[str, pd.DataFrame]) -> list[str]:
    """How many single networks and sizes agree, and that these are no evidence of their own."""
    lines = tables["accuracy_vs_id"]
    names = {"kind": "line", "response": "highest_test_accuracy", "id_of": "task"}
    lines = lines[(lines[list(names)] == pd.Series(names)).all(axis=1)].dropna(subset=["estimate"])
    return [
        f"In {WORDS[domain]}, the slope is negative for {(rows['estimate'] < 0).sum()} of "
        f"{len(rows)} networks and sizes: the same "
        f"{count(int(rows['n_collections'].max()), 'collection')} {len(rows)} times."
        for domain, rows in lines.groupby("domain")
    ]


def _exponents(tables: dict[str, pd.DataFrame]) -> list[str]:
    """The mean of α − 1/d, and whether it could tell 1/d from a constant."""
    table = tables["exponents"]
    table = table[table["losses"] == "all"]
    rates = table.loc[table["kind"] == "collection", "inverse_id"].dropna()
    [mean] = table[table["kind"] == "mean"].to_dict("records")
    what = "Exponents of learning curves, α = −d ln L/d ln N, less 1/d"
    if pd.isna(mean["low"]):
        return [f"{what}: not measured ({mean['reason']})."]
    half, lowest, highest = (mean["high"] - mean["low"]) / 2, rates.min(), rates.max()
    can = "can" if half < (highest - lowest) / 2 else "can hardly"
    return [
        f"{what}: {with_interval(mean['estimate'], mean['low'], mean['high'])} on average. 1/d "
        f"itself lies between {number(lowest, 2)} and {number(highest, 2)}, so that a half-width "
        f"of {number(half, 2)} {can} tell 1/d from a constant."
    ]


def _gap(tables: dict[str, pd.DataFrame]) -> list[str]:
    """Does K_F explain the gap? The gap without and with it, and which law predicts better."""
    law, names = tables["generalization_law"], tables["claims"]
    [primary] = names[(names["claim"] == "C6") & names["is_primary"].eq(True)].to_dict("records")
    for name in ("id_estimator", "rule", "losses"):
        law = law[law[name] == primary[name]]
    law = law[(law["dimension"] == "pool_id") & (law["model"] == "all") & (law["domain"] == "all")]
    gaps = law[law["term"] == "is_radiology"].set_index("kind")
    short, both = gaps.loc["with domain"], gaps.loc["with K_F and domain"]
    fits = law.drop_duplicates("kind").set_index("kind")[["rmse_left_out", "aicc"]]
    needed = [short["low"], both["low"], *fits.loc[["with K_F", "with domain"], "rmse_left_out"]]
    if pd.isna(needed).any():
        return []
    without, sharpness, domain = (fits.loc[k] for k in ("without K_F", "with K_F", "with domain"))
    shown = [with_interval(row["estimate"], row["low"], row["high"]) for row in (short, both)]
    lines = [
        f"Radiology's ln L less that of natural images: {shown[0]} at equal (ln N)/d, and "
        f"{shown[1]} at equal ln K_F, too{_share(primary, gaps)}. Each collection predicted from "
        f"the others: the error of ln L is {number(sharpness['rmse_left_out'])} with ln K_F and "
        f"{number(domain['rmse_left_out'])} with the domain instead."
    ]
    if fits.loc[["with K_F", "with domain"], "aicc"].notna().all():
        aicc = [f"{row['aicc']:.1f}".replace("-", "−") for row in (sharpness, domain)]
        lines[0] += f" AICc is {aicc[0]} and {aicc[1]}."
    if (
        sharpness["aicc"] < without["aicc"]
        and sharpness["rmse_left_out"] > without["rmse_left_out"]
    ):
        lines.append("ln K_F lowers AICc and raises that error: it has fitted a collection.")
    return lines


def _share(primary: dict, gaps: pd.DataFrame) -> str:
    """How much of the difference goes with ln K_F, where there is one."""
    if primary["verdict"] == "not measured":
        return ""
    return f" ({gaps.loc['gap explained by K_F', 'share_explained']:.0%} of it gone)"


def of_the_papers(fits: pd.DataFrame) -> str:
    """What the papers' own points give of the differences between domains."""
    fits = fits.set_index(["kind", "source"])

    def shown(row: pd.Series) -> str:
        return with_interval(row["estimate"], row["low"], row["high"])

    ids = fits[fits["quantity"] == "intrinsic_dimension"].loc["difference"]
    printed, gray = (shown(row) for _, row in fits.loc["ratio"].iterrows())
    return (
        "The papers' own points: radiology's mean ID less that of natural images is "
        f"{shown(ids.loc['miccai2022'])} in MICCAI 2022, Fig. 3, and "
        f"{shown(ids.loc['iclr2024'])} in ICLR 2024, Fig. 1. Radiology's K_F is {printed} times "
        f"that of natural images as printed, and {gray} times with those made gray (× √3)."
    )
