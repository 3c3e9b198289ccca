"""Numbers as sentences show them."""


def number(value: float) -> str:
    """Three significant digits, with a real minus sign."""
    text = f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return text.replace("-", "−")
