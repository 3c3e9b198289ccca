"""Tables as LaTeX source."""

import re

import pandas as pd

from idsharp.properties.estimators import ONE_OF_EACH_FAMILY
from idsharp.report.columns import heading

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
    "attacks": [
        "task", "model", "n_train", "seed", "attack", "epsilon_255", "clean_loss", "loss_penalty",
        "clean_accuracy", "attacked_accuracy",
    ],
    "accuracy_vs_id": [
        "kind", "domain", "model", "n_train", "n", "r_squared", "pool_id_slope", "pool_id_p",
        "log_n_slope", "reason",
    ],
    "generalization_law": [
        "kind", "dimension", "domain", "model", "n_train", "n", "r_squared",
        "log_n_over_d_slope", "log_sharpness_slope", "data_id_slope", "reason",
    ],
    "loss_penalty_vs_sharpness": [
        "attack", "epsilon_255", "domain", "n", "pearson_r", "pearson_p", "spearman_rho",
        "label_sharpness_slope", "reason",
    ],
    "representation_vs_data": [
        "domain", "model", "n", "mean_data_id", "mean_representation_id", "share_below",
        "pearson_r", "data_id_slope", "reason",
    ],
    "representation_layers": [
        "task", "model", "n_train", "seed", "layer", "depth", "n_features",
        *(f"representation_{name}" for name in ONE_OF_EACH_FAMILY), "is_peak",
    ],
    "representation_peaks": [
        "kind", "domain", "model", "n", "peak_depth", "peak_depth_p", "peak_id", "input_id",
        "pearson_r", "reason",
    ],
}  # fmt: skip

#: Tables with a row for each run or set are longer than a page.
_LONG = ("properties", "runs", "attacks", "representation_layers", "representation_peaks")


def to_latex(name: str, table: pd.DataFrame, caption: str, notes: list[str]) -> str:
    """A booktabs table (longtable where it may be long), numbers at three significant digits.

    Standard errors and deviations stand behind their values (±), intervals in brackets.

    Args:
        name: one of SHOWN; the label is `tab:<name>`.
        caption: what the table shows; the notes are added to it.
        notes: what must be said of the datasets shown.
    """
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


def _with_spreads(table: pd.DataFrame) -> pd.DataFrame:
    """Every cell as LaTeX source, with its standard error, deviation or interval in it."""
    cells = table.map(_cell)
    for column in table:
        stem = column.removesuffix("_slope").removesuffix("_r")
        for spread in (f"{column}_se", f"{column}_sd"):
            if spread in cells:
                shown = cells[column] + r" $\pm$ " + cells.pop(spread)
                cells[column] = shown.where(table[spread].notna(), cells[column])
        low, high = f"{stem}_low", f"{stem}_high"
        if column != low and low in cells and high in cells and column in cells:
            shown = cells[column] + " [" + cells.pop(low) + ", " + cells.pop(high) + "]"
            cells[column] = shown.where(table[low].notna(), cells[column])
    return cells


def _column_format(name: str, column: pd.Series) -> str:
    """Sentences wrap, words stand left, numbers right."""
    if name == "reason":
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
    "²": "$^2$", "∞": r"$\infty$", "≲": r"$\lesssim$",
}  # fmt: skip

_FORMULAS = {"K_F": "$K_F$", "d_data": r"$d_\mathrm{data}$", "d_repr": r"$d_\mathrm{repr}$"}


def _escape(text: str) -> str:
    """Text as LaTeX source; K_F, d_data and d_repr become formulas."""
    pieces = re.split(f"({'|'.join(_FORMULAS)})", text)
    return "".join(
        _FORMULAS.get(piece) or "".join(_SYMBOLS.get(character, character) for character in piece)
        for piece in pieces
    )
