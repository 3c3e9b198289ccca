"""Tables as LaTeX source."""

import re

import pandas as pd

from idsharp.properties.estimators import ONE_OF_EACH_FAMILY
from idsharp.report.columns import heading

_FITTED = ["estimate", "p", "n_collections", "decided_by"]

#: Columns that fit a page, for tables that have more; the CSV has all.
SHOWN = {
    "datasets": [
        "task", "domain", "n_pool", *ONE_OF_EACH_FAMILY,
        "label_sharpness", "label_sharpness_m", "label_sharpness_all",
        "label_sharpness_resolution_free",
    ],
    "properties": [
        "task", "subset", "n_images", *ONE_OF_EACH_FAMILY, "label_sharpness",
        "label_sharpness_m", "label_sharpness_all", "reason",
    ],
    "runs": [
        "task", "model", "n_train", "seed", "status", "test_loss", "highest_test_accuracy",
        "data_id", "representation_id", "label_sharpness",
    ],
    "timings": [
        "task", "model", "n_train", "seed", "train_seconds", "images_per_second",
        "peak_memory_mb", "n_interruptions",
    ],
    "attacks": [
        "task", "model", "n_train", "seed", "attack", "epsilon_255", "clean_loss", "loss_penalty",
        "clean_accuracy", "attacked_accuracy",
    ],
    "hyperparameters": [
        "model", "dataset", "learning_rate", "published_learning_rate", "batch_size",
        "published_batch_size", "epochs", "published_epochs", "optimizer", "outputs", "precision",
    ],
    "collections": [
        "collection", "domain", "n_tasks", "n_runs", "pool_id", "pool_sharpness",
        "highest_test_accuracy", "log_loss", "representation_id",
    ],
    "penalty_points": [
        "attack", "epsilon_255", "model", "collection", "domain", "pool_sharpness", "loss_penalty",
        "attacked_accuracy", "n_runs",
    ],
    "predictions": ["kind", "dimension", "losses", "collection", "log_loss", "predicted"],
    "domain_gap": [
        "quantity", "id_estimator", "id_of", "rule", "losses", "attack", "epsilon_255", "domain",
        "estimate", "p", "n_collections", "decided_by", "reason",
    ],
    "accuracy_vs_id": [
        "kind", "domain", "model", "n_train", "response", "id_of", *_FITTED, "r_squared", "reason",
    ],
    "slope_contrasts": [
        "kind", "family", "domain", "model", "n_train", *_FITTED, "p_holm", "share_of_mean_slope",
        "reason",
    ],
    "accuracy_plane": ["domain", "model", "id_of", "term", *_FITTED, "r_squared", "reason"],
    "generalization_law": [
        "kind", "dimension", "domain", "term", *_FITTED, "law", "r_squared", "aicc",
        "rmse_left_out", "reason",
    ],
    "exponents": [
        "kind", "collection", "domain", "losses", "exponent", "inverse_id", "exponent_times_id",
        "estimate", "p", "n_collections", "reason",
    ],
    "loss_penalty_vs_sharpness": [
        "attack", "epsilon_255", "domain", "model", "response", "rule", "n_collections",
        "pearson_r", "permutation_p", "spearman_rho", "estimate", "law", "reason",
    ],
    "representation_vs_data": [
        "id_estimator", "domain", "model", "n_collections", "mean_data_id",
        "mean_representation_id", "estimate", "p", "share_below", "share_collections_below",
        "reason",
    ],
    "sharpness_vs_id": [
        "id_estimator", "rule", "domain", "n_collections", "pearson_r", "permutation_p",
        "spearman_rho", "reason",
    ],
    "task_choice": [
        "kind", "task", "other_task", "quantity", "model", "n_train", "value", "other_value",
        "difference", "reason",
    ],
    "representation_layers": [
        "task", "model", "n_train", "seed", "layer", "depth", "n_features",
        *(f"representation_{name}" for name in ONE_OF_EACH_FAMILY), "is_peak",
    ],
    "representation_peaks": [
        "kind", "domain", "model", "n_collections", "peak_depth", "estimate", "p", "peak_id",
        "input_id", "pearson_r", "reason",
    ],
    "claims": [
        "claim", "statement", "paper", "place", "domain", "id_estimator", "rule", "estimate",
        "unit", "n_collections", "p", "p_holm", "verdict",
    ],
    "comparison": [
        "source", "figure", "quantity", "dataset", "domain", "variant", "published", "ours",
        "difference", "tolerance", "verdict",
    ],
    "ranks": ["source", "figure", "quantity", "variant", "n", "spearman_rho", "reason"],
    "published_fits": [
        "source", "figure", "quantity", "kind", "domain", "id_of", "term", *_FITTED, "r_squared",
        "pearson_r", "permutation_p", "aicc", "rmse_left_out", "reason",
    ],
}  # fmt: skip

#: Rows that are printed of tables that have many; the CSV has all.
ROWS: dict[str, dict[str, list]] = {
    "accuracy_vs_id": {"kind": ["mean", "difference"]},
    "generalization_law": {"model": ["all"], "losses": ["all"], "rule": ["definition"]},
    "loss_penalty_vs_sharpness": {"model": ["all"]},
    "representation_vs_data": {"model": ["all"]},
    "claims": {"is_primary": [True]},
}

#: Tables with a row for each run or set are longer than a page.
_LONG = (
    "properties", "runs", "timings", "attacks", "penalty_points", "predictions", "domain_gap",
    "accuracy_vs_id", "slope_contrasts", "generalization_law", "loss_penalty_vs_sharpness",
    "task_choice", "comparison", "published_fits", "representation_layers", "representation_peaks",
)  # fmt: skip


def to_latex(name: str, table: pd.DataFrame, caption: str, notes: list[str]) -> str:
    """A booktabs table (longtable where it may be long), numbers at three significant digits.

    Standard errors and deviations stand behind their values (±), intervals in brackets.

    Args:
        name: one of SHOWN; the label is `tab:<name>`.
        caption: what the table shows; the notes are added to it.
        notes: what must be said of the datasets shown.
    """
    table = table.reset_index(drop=True)
    for column, values in ROWS.get(name, {}).items():
        table = table[table[column].isin(values)]
    cells = _with_spreads(table)
    cells = cells[[column for column in SHOWN[name] if column in cells]]
    cells = cells.loc[:, (cells != _MISSING).any()]
    formats = [_column_format(column, table[column]) for column in cells]
    cells.columns = [_escape(heading(column)) for column in cells]
    long = name in _LONG
    text = cells.style.hide(axis="index").to_latex(
        hrules=True,
        caption=_escape(" ".join([caption, *(f"{note}." for note in notes)])),
        label=f"tab:{name}",
        environment="longtable" if long else None,
        position=None if long else "htbp",
        column_format="".join(formats),
    )
    needs = "booktabs, longtable" if long else "booktabs"
    return f"% \\usepackage{{{needs}}}\n" + text


#: Ends of intervals that are not named after their column.
_ENDS = {
    "estimate": ("low", "high"),
    "ours": ("low", "high"),
    "other_value": ("other_low", "other_high"),
}


def _with_spreads(table: pd.DataFrame) -> pd.DataFrame:
    """Every cell as LaTeX source, with its standard error, deviation or interval in it."""
    cells = table.map(_cell).astype(object)
    for column in table:
        stem = column.removesuffix("_r")
        for spread in (f"{column}_se", f"{column}_sd"):
            if spread in cells:
                shown = cells[column] + r" $\pm$ " + cells.pop(spread)
                cells[column] = shown.where(table[spread].notna(), cells[column])
        low, high = _ENDS.get(column, (f"{stem}_low", f"{stem}_high"))
        if column != low and low in cells and high in cells and column in cells:
            shown = cells[column] + " [" + cells.pop(low) + ", " + cells.pop(high) + "]"
            cells[column] = shown.where(table[low].notna(), cells[column])
    return cells


def _column_format(name: str, column: pd.Series) -> str:
    """Sentences wrap, words stand left, numbers right."""
    if name in ("reason", "statement"):
        return "p{4cm}"
    return "r" if pd.api.types.is_numeric_dtype(column) else "l"


_MISSING = "--"


def _cell(value: object) -> str:
    if value is None or value != value:  # NaN is the one value that differs from itself
        return _MISSING
    if isinstance(value, float):
        whole = value == int(value) and abs(value) < 1e6
        return _number(f"{value:.0f}" if whole else f"{value:.3g}")
    return _escape(str(value))


def _number(text: str) -> str:
    """A number as LaTeX shows it: a real minus sign, powers of ten."""
    mantissa, _, exponent = text.partition("e")
    if exponent:
        return rf"${mantissa}\cdot 10^{{{int(exponent)}}}$"
    return f"${text}$" if text.startswith("-") else text


_SYMBOLS = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "−": "$-$", "≤": r"$\leq$", "×": r"$\times$", "ε": r"$\varepsilon$", "ρ": r"$\rho$",
    "²": "$^2$", "∞": r"$\infty$", "α": r"$\alpha$",
    "√": r"$\surd$", "·": r"$\cdot$", "±": r"$\pm$", "≲": r"$\lesssim$",
}  # fmt: skip

_FORMULAS = {"K_F": "$K_F$", "d_data": r"$d_\mathrm{data}$", "d_repr": r"$d_\mathrm{repr}$"}


def _escape(text: str) -> str:
    """Text as LaTeX source; K_F, d_data and d_repr become formulas."""
    pieces = re.split(f"({'|'.join(_FORMULAS)})", text)
    return "".join(
        _FORMULAS.get(piece) or "".join(_SYMBOLS.get(character, character) for character in piece)
        for piece in pieces
    )
