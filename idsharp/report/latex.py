"""Tables as LaTeX source."""

import re

import pandas as pd

from idsharp.report.columns import heading

#: Columns that fit a page, for tables that have more; the CSV has all.
SHOWN = {
    "datasets": [
        "task", "domain", "n_pool", "id_mle_k1", "id_twonn_10pct",
        "label_sharpness", "label_sharpness_m", "label_sharpness_all",
        "label_sharpness_resolution_free",
    ],
    "properties": [
        "task", "subset", "n_images", "id_mle_k1", "id_twonn_10pct", "label_sharpness",
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
        "representation_id_mle_k1", "representation_id_twonn_10pct", "is_peak",
    ],
    "representation_peaks": [
        "kind", "domain", "model", "n", "peak_depth", "peak_depth_p", "peak_id", "input_id",
        "pearson_r", "reason",
    ],
}  # fmt: skip

#: Tables with a row for each run or set are longer than a page.
_LONG = ("properties", "runs", "attacks", "representation_layers", "representation_peaks")

#: What each table shows, in a sentence or two; the study's notes are added.
CAPTIONS = {
    "datasets": "Datasets and their properties: counts, intrinsic dimension (ID) by four "
    "estimators with standard errors, and label sharpness K_F at M images and over all "
    "pairs. Images are 8 bit, each scaled by its own maximum to [0, 255].",
    "properties": "Intrinsic dimension and label sharpness of the pool and of every training set.",
    "runs": "Every trained network, with the properties of its training set and of its "
    "penultimate representation.",
    "attacks": "Loss and accuracy of every network under attack: FGSM, one step, and where it was "
    "run PGD, many steps. Intervals are Wilson's (95 %).",
    "accuracy_vs_id": "Highest test accuracy against the ID of the dataset: lines by domain, "
    "network and N; planes on ID and ln N; differences of slopes between domains. "
    "Ordinary least squares, 95 % intervals, which take the runs of one task as independent.",
    "generalization_law": "Logarithm of the test loss on (ln N)/d, without and with ln K_F, and on "
    "the ID alone. The law, if it held with equality, would have slopes of −1 and 1. Ordinary "
    "least squares, 95 % intervals, which take the runs of one task as independent.",
    "loss_penalty_vs_sharpness": "Loss penalty under attack against label sharpness K_F, for each "
    "attack by itself; a point is a task, the mean over networks, N and seeds.",
    "representation_vs_data": "Dimension of the penultimate representation against that of the "
    "training set; a point is a trained network.",
    "representation_layers": "Dimension of the representation of its training set at every block "
    "of every network, from the images to the logits.",
    "representation_peaks": "Where between the images (0) and the logits (1) the dimension of the "
    "representation is highest: means by domain and network, their difference (natural − "
    "radiology), and the height of the peak against the ID of the images. A point is a task, the "
    "mean over N and seeds; t intervals of 95 %.",
}


def to_latex(name: str, table: pd.DataFrame, notes: list[str]) -> str:
    """A booktabs table (longtable where it may be long), numbers at three significant digits.

    Standard errors and deviations stand behind their values (±), intervals in brackets.

    Args:
        name: one of CAPTIONS; the label is `tab:<name>`.
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
        caption=_escape(" ".join([CAPTIONS[name], *(f"{note}." for note in notes)])),
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
