"""Tables as LaTeX source."""

import pandas as pd

from idsharp.columns import heading

#: What each table shows, in a sentence or two; the study's notes are added.
CAPTIONS = {
    "datasets": "Datasets and their properties: counts, intrinsic dimension (ID) by four "
    "estimators with standard errors, and label sharpness K_F at M images and over all "
    "pairs. Images are 8 bit, each scaled by its own maximum to [0, 255].",
    "properties": "Intrinsic dimension and label sharpness of the pool and of every training set.",
    "runs": "Every trained network, with the properties of its training set and of its "
    "penultimate representation.",
    "attacks": "Loss and accuracy of every network under attack (FGSM).",
    "accuracy_vs_id": "Highest test accuracy against the ID of the dataset: lines by domain, "
    "network and N; planes on ID and ln N; differences of slopes between domains. "
    "Ordinary least squares, 95 % intervals.",
    "generalization_law": "Logarithm of the test loss on (ln N)/d, without and with ln K_F, and on "
    "the ID alone. The law, if it held with equality, would have slopes of −1 and 1. Ordinary "
    "least squares, 95 % intervals.",
    "loss_penalty_vs_sharpness": "Loss penalty under FGSM against label sharpness K_F; a point is "
    "a task, the mean over networks, N and seeds.",
    "representation_vs_data": "Dimension of the penultimate representation against that of the "
    "training set; a point is a trained network.",
}


def to_latex(table: pd.DataFrame, caption: str, label: str) -> str:
    """A booktabs table with headings and units, numbers at three significant digits."""
    shown = table.dropna(axis="columns", how="all").rename(columns=heading_map(table))
    styler = shown.style.hide(axis="index").format(_cell, na_rep="--")
    numeric = shown.dtypes.map(pd.api.types.is_numeric_dtype)
    return styler.to_latex(
        hrules=True,
        caption=_escape(caption),
        label=label,
        position="htbp",
        column_format="".join("r" if number else "l" for number in numeric),
    )


def heading_map(table: pd.DataFrame) -> dict[str, str]:
    """LaTeX headings by column name."""
    return {name: _escape(heading(name)) for name in table}


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if value != int(value) or abs(value) >= 1e6 else f"{value:.0f}"
    return _escape(str(value))


_SYMBOLS = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "−": "$-$", "≤": r"$\leq$", "×": r"$\times$", "ε": r"$\varepsilon$", "ρ": r"$\rho$",
    "²": r"$^2$", "∞": r"$\infty$", "≲": r"$\lesssim$",
}  # fmt: skip


def _escape(text: str) -> str:
    """Text as LaTeX source; K_F and d_data become formulas."""
    for name, formula in (
        ("K_F", "$K_F$"),
        ("d_data", r"$d_\mathrm{data}$"),
        ("d_repr", r"$d_\mathrm{repr}$"),
    ):
        parts = text.split(name)
        if len(parts) > 1:
            return formula.join(_escape(part) for part in parts)
    return "".join(_SYMBOLS.get(character, character) for character in text)
