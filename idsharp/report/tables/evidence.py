"""The numbers that claims are judged by, from the tables of a study.

Each function yields names (claim, is_primary, and what was varied) with a record of the number.
"""

from collections.abc import Iterator
from itertools import product

import pandas as pd
from scipy import stats

from idsharp.properties.estimators import ESTIMATORS
from idsharp.report.tables.losses import LOSSES
from idsharp.report.tables.rows import NATURAL_MINUS_RADIOLOGY, RADIOLOGY_MINUS_NATURAL
from idsharp.report.tables.study import Study
from idsharp.report.wording import with_interval

#: Slopes are alike where every one's interval is within this share of the mean slope.
ALIKE = 0.25
#: Fits over both domains need so many collections, and of each domain so many.
_COLLECTIONS, _OF_EACH = 5, 2
#: The attack of the papers' printed correlation.
_ATTACK, _EPSILON = "fgsm", 2


def _row(table: pd.DataFrame, **where: object) -> dict:
    """The one row of a table with these values."""
    for name, value in where.items():
        table = table[table[name] == value]
    if len(table) != 1:
        raise LookupError(f"{len(table)} rows with {where}, 1 expected")
    return table.iloc[0].to_dict()


def _named(claim: str, primary: bool, **names: object) -> dict:
    return {"claim": claim, "is_primary": primary} | names


def c1(study: Study, tables: dict) -> Iterator[tuple[dict, dict]]:
    gap = tables["domain_gap"]
    gap = gap[gap["quantity"] == "intrinsic_dimension"]
    id_of = "dataset" if (gap["id_of"] == "dataset").any() else "task"
    for name in study.estimators:
        where = {"id_of": id_of, "id_estimator": name, "domain": RADIOLOGY_MINUS_NATURAL}
        yield _named("C1", name == study.id_estimator, id_estimator=name), _row(gap, **where)


def _lines(study: Study, tables: dict, kind: str, name: str, domain: str) -> dict:
    return _row(
        tables["accuracy_vs_id"], kind=kind, domain=domain, model="all", id_of="task",
        id_estimator=name, response="highest_test_accuracy",
    )  # fmt: skip


def c2(study: Study, tables: dict) -> Iterator[tuple[dict, dict]]:
    for name, domain in product(study.estimators, ("radiology", "natural")):
        names = _named("C2", name == study.id_estimator, id_estimator=name, domain=domain)
        yield names, _lines(study, tables, "mean", name, domain)


def c3(study: Study, tables: dict) -> Iterator[tuple[dict, dict]]:
    for name in study.estimators:
        names = _named("C3", name == study.id_estimator, id_estimator=name)
        yield names, _lines(study, tables, "difference", name, NATURAL_MINUS_RADIOLOGY)


def c4(study: Study, tables: dict) -> Iterator[tuple[dict, dict]]:
    """The contrast whose interval reaches furthest, in units of the mean slope.

    The claim is one of equivalence: p is the largest of all contrasts' p against ±25 % (two
    one-sided tests).
    """
    names = _named("C4", True, id_estimator=study.id_estimator)
    contrasts = tables["slope_contrasts"]
    contrasts = contrasts[contrasts["kind"] == "contrast"]
    measured = contrasts[contrasts["low"].notna()]
    if measured.empty:
        gaps = contrasts["domain"] + ": " + contrasts["reason"]
        single = contrasts["reason"].str.startswith("one ")
        gaps = gaps[single] if single.all() else gaps[~single]
        yield names, {"reason": "; ".join(dict.fromkeys(gaps))}
        return
    scale = measured["mean_slope"].astype(float).abs()
    shares = (
        measured[["estimate", "low", "high", "standard_error"]].astype(float).div(scale, axis=0)
    )
    room = (ALIKE - shares["estimate"].abs()) / shares["standard_error"]
    p = stats.t.sf(room, measured["dof"].astype(float)).max()
    outside = (shares["low"] > ALIKE) | (shares["high"] < -ALIKE)
    reach = shares[["low", "high"]].abs().max(axis=1)
    worst = (reach[outside] if outside.any() else reach).idxmax()
    ends = measured.loc[worst, ["low_without_one", "high_without_one"]].astype(float) / scale[worst]
    yield (
        names,
        measured.loc[worst].to_dict() | shares.loc[worst].to_dict() | ends.to_dict() | {"p": p},
    )


def _few(study: Study, n: float) -> str | None:
    """Why there are too few collections for a fit over both domains, or None."""
    domains = study.runs.drop_duplicates("collection")["domain"].value_counts()
    few = min(domains.get(name, 0) for name in ("natural", "radiology"))
    if n >= _COLLECTIONS and few >= _OF_EACH:
        return None
    needed = f"{_COLLECTIONS} are needed, {_OF_EACH} of each domain"
    return f"{n:.0f} collection{'' if n == 1 else 's'}, {needed}"


def _law(study: Study, tables: dict, claim: str, kind: str, term: str) -> Iterator[tuple]:
    law = tables["generalization_law"]
    law = law[(law["kind"] == kind) & (law["dimension"] == "pool_id") & (law["model"] == "all")]
    law = law[(law["term"] == term) & (law["domain"] == "all")]
    for name, rule, losses in product(study.estimators, study.rules, LOSSES):
        primary = (name, rule, losses) == (study.id_estimator, "definition", "all")
        names = _named(claim, primary, id_estimator=name, rule=rule, losses=losses)
        found = _row(law, id_estimator=name, rule=rule, losses=losses)
        few = _few(study, found["n_collections"])
        yield names, found | ({"reason": few} if few else {})


def c5(study: Study, tables: dict) -> Iterator[tuple[dict, dict]]:
    yield from _law(study, tables, "C5", "with K_F and domain", "log_n_over_pool_id")


def c6(study: Study, tables: dict) -> Iterator[tuple[dict, dict]]:
    gaps = _law(study, tables, "C6", "with domain", "is_radiology")
    explained = _law(study, tables, "C6", "gap explained by K_F", "is_radiology")
    for (_, gap), (names, found) in zip(gaps, explained, strict=True):
        if pd.isna(found["reason"]) and not gap["low"] > 0:
            by = with_interval(gap["estimate"], gap["low"], gap["high"])
            reason = f"radiology's ln L is not shown to be higher at equal (ln N)/d ({by})"
            found = found | {"reason": f"{reason}: there is no gap to explain"}
        yield names, found


def c7(study: Study, tables: dict) -> Iterator[tuple[dict, dict]]:
    table = tables["loss_penalty_vs_sharpness"]
    where = {"attack": _ATTACK, "epsilon_255": _EPSILON, "domain": "all", "model": "all"}
    for rule in study.rules:
        names = _named("C7", rule == "definition", rule=rule)
        if table[(table["attack"] == _ATTACK) & (table["epsilon_255"] == _EPSILON)].empty:
            yield names, {"reason": f"the study has no FGSM at {_EPSILON}/255"}
            continue
        found = _row(table, **where, response="loss_penalty", rule=rule)
        few = _few(study, found["n_collections"])
        of_r = {"estimate": "pearson_r", "low": "pearson_low", "high": "pearson_high"}
        of_r |= {"p": "permutation_p", "low_without_one": "pearson_low_without_one"}
        of_r |= {"high_without_one": "pearson_high_without_one", "decided_by": "pearson_decided_by"}
        found |= {name: found[column] for name, column in of_r.items()}
        yield names, found | {"dof": None, "reliability": None} | ({"reason": few} if few else {})


def c8(study: Study, tables: dict) -> Iterator[tuple[dict, dict]]:
    table = tables["representation_vs_data"]
    for name in ESTIMATORS:
        names = _named("C8", name == study.representation_estimator, id_estimator=name)
        yield names, _row(table, id_estimator=name, domain="all", model="all")


#: In the order of the claims.
ALL = (c1, c2, c3, c4, c5, c6, c7, c8)
