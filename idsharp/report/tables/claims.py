"""The papers' eight claims, each with one test named beforehand, a verdict and a sentence."""

from dataclasses import dataclass

import pandas as pd
from statsmodels.stats.multitest import multipletests

from idsharp.report.tables import evidence
from idsharp.report.tables.study import Study
from idsharp.report.wording import number

AS, AGAINST, CANNOT_TELL = "as in the papers", "against the papers", "cannot tell"
NOT_MEASURED = "not measured"

_RESULT = [
    "estimate", "low", "high", "p", "dof", "n_collections", "n_runs", "low_without_one",
    "high_without_one", "decided_by", "reliability", "reason",
]  # fmt: skip


@dataclass(frozen=True)
class Claim:
    """What a paper says, and the number that it is judged by.

    Attributes:
        side: the sign of the number that agrees with the paper; 0 where other rules hold.
        null: the value that the interval must exclude.
    """

    statement: str
    paper: str
    place: str
    quantity: str
    unit: str
    side: int
    null: float = 0.0


_MICCAI, _ICLR = "MICCAI 2022", "ICLR 2024"

CLAIMS = {
    "C1": Claim(
        "Radiology has the lower intrinsic dimension", _MICCAI, "Fig. 3",
        "difference of mean ID, radiology − natural", "dimensions", -1,
    ),
    "C2": Claim(
        "Accuracy falls as intrinsic dimension rises", _MICCAI, "Fig. 4",
        "slope of highest test accuracy on ID", "accuracy per dimension", -1,
    ),
    "C3": Claim(
        "Accuracy falls more steeply in radiology", _MICCAI, "Fig. 4",
        "difference of slopes, natural − radiology", "accuracy per dimension", 1,
    ),
    "C4": Claim(
        "The slopes hardly depend on model and training size", _MICCAI, "section 3",
        "largest deviation of a slope, as a share of the mean slope", "mean slopes", 0,
    ),
    "C5": Claim(
        "The test loss follows −(ln N)/d", _ICLR, "Fig. 2, theorem 1",
        "slope of ln L on (ln N)/d at equal K_F and domain", "per unit of (ln N)/d", -1,
    ),
    "C6": Claim(
        "Label sharpness explains why radiology has the higher loss", _ICLR, "Fig. 3, theorem 1",
        "part of the radiology − natural difference of ln L that ln K_F takes away", "ln units", 1,
    ),
    "C7": Claim(
        "The loss penalty under attack rises with label sharpness", _ICLR, "Fig. 4, theorem 2",
        "Pearson's r of penalty (FGSM, 2/255) and K_F", "", 1,
    ),
    "C8": Claim(
        "Representations have no higher dimension than the data", _ICLR, "Fig. 5, section 6",
        "mean d_repr/d_data", "", -1, null=1.0,
    ),
}  # fmt: skip


def claims(study: Study, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Every claim by its primary test, then by other estimators, rules and losses.

    Holm's p is over the primary tests; C2, which speaks of both domains, counts once, by the larger
    of its two.
    """
    rows: list[dict] = []
    for find in evidence.ALL:
        rows += [_judged(*one) for one in find(study, tables)]
    table = pd.DataFrame(rows)
    primary = table[table["is_primary"]]
    # A claim on both domains holds only as far as its weaker half.
    p = primary.groupby("claim")["p"].apply(lambda p: p.max() if p.notna().all() else None)
    p = p.dropna().astype(float)
    adjusted = dict(zip(p.index, multipletests(p, method="holm")[1], strict=True)) if len(p) else {}
    table["p_holm"] = table["claim"].map(adjusted).where(table["is_primary"])
    return table[_COLUMNS]


_COLUMNS = [
    "claim", "statement", "paper", "place", "quantity", "domain", "id_estimator", "rule", "losses",
    "is_primary", "estimate", "low", "high", "unit", "n_collections", "n_runs", "p", "p_holm",
    "low_without_one", "high_without_one", "decided_by", "verdict", "why", "sentence",
]  # fmt: skip


def _judged(names: dict, found: dict) -> dict:
    claim = CLAIMS[names["claim"]]
    found = {name: None if pd.isna(found.get(name)) else found[name] for name in _RESULT}
    verdict, why = _verdict(claim, found)
    if verdict == NOT_MEASURED:
        # Numbers that carry no verdict would be read as one.
        found |= {name: None for name in _RESULT if not name.startswith("n_")}
    row = {"domain": "all", "rule": None, "losses": None, "id_estimator": None} | names
    about = {
        name: getattr(claim, name) for name in ("statement", "paper", "place", "quantity", "unit")
    }
    row |= about | found | {"verdict": verdict, "why": why}
    return row | {"sentence": sentence(row, claim)}


def _verdict(claim: Claim, found: dict) -> tuple[str, str]:
    """From the interval alone."""
    if found["reason"] or found["low"] is None:
        return NOT_MEASURED, found["reason"] or "there is no interval"
    low, high, null = found["low"], found["high"], claim.null
    interval = f"the interval {number(low)} to {number(high)}"
    if claim.side == 0:
        if low > -evidence.ALIKE and high < evidence.ALIKE:
            return AS, f"{interval} lies within ±{evidence.ALIKE}"
        if low > evidence.ALIKE or high < -evidence.ALIKE:
            return AGAINST, f"{interval} lies outside ±{evidence.ALIKE}"
        return CANNOT_TELL, f"{interval} is not within ±{evidence.ALIKE}"
    if low <= null <= high:
        return CANNOT_TELL, f"{interval} holds {null:g}"
    above = low > null
    side = "above" if above else "below"
    return AS if above == (claim.side > 0) else AGAINST, f"{interval} lies {side} {null:g}"


def sentence(row: dict, claim: Claim) -> str:
    """What the data say of a claim, and how surely."""
    text = claim.statement
    if row["domain"] != "all":
        where = "radiology" if row["domain"] == "radiology" else "natural images"
        text = f"In {where}, {text[0].lower()}{text[1:]}"
    if row["verdict"] == NOT_MEASURED:
        return f"{text}: {NOT_MEASURED} ({row['why']})."
    low, high = number(row["low"]), number(row["high"])
    text += f": {row['verdict']}. {claim.quantity[0].upper()}{claim.quantity[1:]}: "
    text += " ".join(filter(None, (number(row["estimate"]), claim.unit)))
    text += f" (95 % interval {low} to {high}; {row['n_collections']:.0f} collections)"
    if row["decided_by"] is not None:
        low, high = number(row["low_without_one"]), number(row["high_without_one"])
        text += f"; leaving out one gives {low} to {high}, and {row['decided_by']} matters most"
    text += "."
    if row["dof"] is not None and row["dof"] <= 2:
        text += f" The interval is this wide because it has {row['dof']:.2g} degrees of freedom."
    if row["reliability"] is not None and row["reliability"] < 0.9:
        text += (
            f" The term is measured with a reliability of {row['reliability']:.2f}, which draws "
        )
        text += "the slope toward zero."
    return text
