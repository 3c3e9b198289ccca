"""Numbers in words: how the summary, the page and the figures write estimates and intervals."""

import math


def number(value: float, digits: int = 3) -> str:
    """Significant digits without an exponent where it can be read: 0.0194, 1520, 1.3 × 10⁻⁴."""
    if not math.isfinite(value):
        raise ValueError(f"{value} is no number to print: say why it could not be measured")
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}"))))
    if -4 < size < 6:
        text = f"{value:.{max(digits - 1 - size, 0)}f}"
        return text.replace("-", "−")
    mantissa = f"{value / 10**size:.{digits - 1}f}".replace("-", "−")
    return f"{mantissa} × 10{str(size).translate(_SUPERSCRIPTS)}"


_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def with_interval(estimate: float, low: float | None, high: float | None) -> str:
    """An estimate and its interval in brackets, to two digits of the interval's half-width."""
    if low is None or high is None or not math.isfinite(low):
        return number(estimate)
    half = (high - low) / 2
    if half <= 0:
        return f"{number(estimate)} [{number(low)}, {number(high)}]"
    places = 1 - math.floor(math.log10(float(f"{half:.1e}")))
    if not -1 <= places <= 6:
        return f"{number(estimate)} [{number(low)}, {number(high)}]"
    # + 0.0: what rounds to zero has no sign.
    rounded = (round(value, max(places, 0)) + 0.0 for value in (estimate, low, high))
    a, b, c = (f"{value:.{max(places, 0)}f}".replace("-", "−") for value in rounded)
    return f"{a} [{b}, {c}]"


def count(n: int, noun: str) -> str:
    """3 collections, 1 task."""
    return f"{n} {noun}{'' if n == 1 else 's'}"


def listed(names: list[str]) -> str:
    """a; a and b; a, b and c."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
