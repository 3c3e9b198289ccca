"""What the data say of the papers' claims, and ours beside the papers' values."""

import pandas as pd

from idsharp.report.contents import FIGURES, TABLES
from idsharp.report.page.blocks import Block, Grid, Picture, Points, Section, Text
from idsharp.report.page.content import Content
from idsharp.report.page.numbers import beside_claim, of_the_papers
from idsharp.report.wording import count, listed, number, with_interval

#: Verdicts of a comparison that say something.
_JUDGED = ("agrees", "not in conflict", "differs", "cannot tell")
#: How several, or one, are counted.
_VERBS = {
    ("agrees", True): "agree",
    ("differs", True): "differ",
    ("not in conflict", True): "are not in conflict",
    ("not in conflict", False): "is not in conflict",
}


def claims_table(content: Content) -> list[Block]:
    """A row for each claim: verdict, number, interval, collections."""
    rows = []
    for row in content.claims().to_dict("records"):
        domain = "" if row["domain"] == "all" else f", {row['domain']}"
        rows.append(
            [
                f"[{row['claim']}](#{row['claim']})",
                f"{row['statement']}{domain}",
                _unbroken(f"{row['paper']}, {row['place']}"),
                f"**{row['verdict']}**",
                _estimate(row),
                _whole(row["n_collections"]),
                "–" if pd.isna(row["p_holm"]) else number(row["p_holm"], 2),
            ]
        )
    headings = ["", "claim", "place", "verdict", "estimate [95 % interval]", "collections", "p"]
    text = (
        "A verdict follows from the 95 % interval alone. p is adjusted by Holm's method "
        "for those of the eight claims that were measured. Everything below is description."
    )
    numeric = [False, False, False, False, False, True, True]
    return [Grid(headings, rows, numeric, source="tables/claims.csv"), Text(text)]


def _unbroken(place: str) -> str:
    """A place in a paper whose words and numbers stay together in a narrow column."""
    for word in ("Fig.", "section", "theorem", "MICCAI", "ICLR"):
        place = place.replace(f"{word} ", f"{word}\u00a0")
    return place


def _estimate(row: dict) -> str:
    if row["verdict"] == "not measured":
        return str(row["why"])
    return with_interval(row["estimate"], row["low"], row["high"])


def _whole(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.0f}"


def claim_sections(content: Content) -> list[Section]:
    """Each claim with its sentence, how it fares otherwise, its figures and its tables."""
    sections = []
    for claim, rows in content.claims().groupby("claim", sort=False):
        first = rows.iloc[0]
        blocks: list[Block] = [Text(sentence) for sentence in rows["sentence"]]
        blocks += [Text(line) for line in _otherwise(content.tables["claims"], claim)]
        blocks += map(Text, beside_claim(content.tables, claim))
        blocks += content.of_claims(claim)
        elsewhere = [
            f"[{figure.heading}](#figure-{figure.name})"
            for figure in content.figures()
            if claim in figure.claims[1:]
        ]
        if elsewhere:
            blocks.append(Text(f"See also: {listed(elsewhere)}."))
        title = f"{claim}: {first['statement']} ({first['paper']}, {first['place']})"
        sections.append(Section(title, claim, blocks))
    return sections


def _otherwise(claims: pd.DataFrame, claim: str) -> list[str]:
    """Verdicts by other estimators of dimension, rules of sharpness, and losses."""
    rows = claims[claims["claim"] == claim]
    others = rows[~rows["is_primary"].eq(True)]
    verdicts = others["verdict"].value_counts()
    if list(verdicts.index) in ([], ["not measured"]):
        return []
    ways = [
        words
        for column, words in (
            ("id_estimator", "estimators of dimension"),
            ("rule", "rules of label sharpness"),
            ("losses", "choices of runs"),
        )
        if rows[column].nunique() > 1
    ]
    start = f"With other {listed(ways)}" if ways else "By the other tests of this claim"
    counts = listed([f"{verdict} in {n}" for verdict, n in verdicts.items()])
    return [f"{start}, {counts} of {count(len(others), 'test')} (`tables/claims.csv`)."]


def comparison(content: Content) -> list[Block]:
    """Ours beside the papers' values: counts, figure, table, ranks."""
    table = content.tables["comparison"]
    judged = table[table["verdict"].isin(_JUDGED)]
    blocks: list[Block] = [Text(_verdicts(table, judged))]
    [figure] = [figure for figure in FIGURES if figure.name == "comparison"]
    if len(judged):
        blocks.append(content.picture(figure))
        blocks += _ranks(content.tables["ranks"])
    blocks.append(Text(of_the_papers(content.tables["published_fits"])))
    [entry] = [entry for entry in TABLES if entry.name == "comparison"]
    return [*blocks, content.table(entry)]


def _verdicts(table: pd.DataFrame, judged: pd.DataFrame) -> str:
    if judged.empty:
        reasons = table["why"].dropna().value_counts()
        why = f": {reasons.index[0]}" if len(reasons) == 1 else ""
        return (
            f"None of {count(len(table), 'published value')} can be compared with this study{why}."
        )
    verdicts = judged["verdict"].value_counts()
    counts = listed([f"{n} {_VERBS.get((v, n > 1), v)}" for v, n in verdicts.items()])
    rest = len(table) - len(judged)
    text = f"Of {len(judged)} comparisons: {counts}."
    return text + (f" {rest} more cannot be made; the table says why." if rest else "")


def _ranks(ranks: pd.DataFrame) -> list[Block]:
    lines = []
    for row in ranks.dropna(subset=["spearman_rho"]).to_dict("records"):
        rho = number(row["spearman_rho"], 2)
        where = f"{row['source']} {row['figure']}, {row['quantity'].replace('_', ' ')}"
        lines.append(f"{where}: Spearman's ρ = {rho} over {count(int(row['n']), 'dataset')}.")
    return [Text("Order of the datasets, ours against theirs:"), Points(lines)] if lines else []


def layers(content: Content) -> list[Block]:
    """Where the dimension of representations is highest, over all networks."""
    lines = []
    if "representation_peaks" not in content.tables:
        return []
    peaks = content.tables["representation_peaks"]
    for row in peaks[(peaks["model"] == "all") & (peaks["kind"] != "height")].to_dict("records"):
        what = f"Depth of the layer of highest dimension, {row['domain']}:"
        if pd.isna(row["estimate"]):
            lines.append(f"{what} not measured ({row['reason']}).")
            continue
        value = with_interval(row["estimate"], row["low"], row["high"])
        why = f" ({row['reason']})" if pd.notna(row["reason"]) else ""
        lines.append(f"{what} {value}{why}, {count(int(row['n_collections']), 'collection')}.")
    return [Points(lines)] if lines else []


def other_figures(content: Content) -> list[Picture]:
    """Figures that belong to no claim, in the order of the list."""
    apart = ("samples", "comparison")
    return [
        content.picture(figure)
        for figure in content.figures()
        if not figure.claims and figure.name not in apart
    ]
