"""The intervals of the replication's pages, written by hand, are those of the tables."""

import re

import pandas as pd

from tests.conftest import ROOT

FOLDER = ROOT / "benchmarks" / "replication"
NUMBER = r"[−-]?\d+(?:\.\d+)?"
INTERVAL = re.compile(rf"({NUMBER}) \[({NUMBER}), ({NUMBER})\]")
#: What no table here holds, and where it is from.
ELSEWHERE = {
    "−2.7 [−8.6, 3.2]": "ICLR 2024, Fig. 1",
    "−0.021 [−0.046, 0.004]": "ICLR 2024, from its points",
    "−0.022 [−0.059, 0.015]": "ICLR 2024, from its points",
    "2.55 [1.30, 5.00]": "ICLR 2024, from its points",
    "−0.017 [−0.044, 0.011]": "first round",
    "−5.5 [−9.9, −1.1]": "first round",
    "2.3 [0.4, 4.2]": "first round",
    "2.7 [0.5, 4.8]": "first round",
    "0.40 [−0.14, 0.76]": "first round",
    "0.05 [−0.17, 0.28]": "first round",
    "−2.0 [−7.5, 3.5]": "the claims of the page that the pipeline makes",
}


def numbers(found: tuple) -> tuple[float, ...]:
    return tuple(float(each.replace("−", "-")) for each in found)


def known() -> list[tuple[float, ...]]:
    """Estimates with their intervals, as the tables have them."""
    ends = ["estimate", "low", "high"]
    tables = [pd.read_csv(FOLDER / f"{name}.csv") for name in ("answers", "sensitivity")]
    rows = pd.concat(tables)[ends].dropna().to_numpy().tolist()
    text = (FOLDER / "properties.md").read_text(encoding="utf-8")
    return [*map(tuple, rows), *map(numbers, INTERVAL.findall(text))]


def is_one_of(shown: tuple[str, ...], rows: list[tuple[float, ...]]) -> bool:
    """Whether a row rounds to what is shown, or with its sign turned, as in "falls by"."""
    estimate, low, high = numbers(shown)
    half = 0.5001 * 10 ** -len(shown[0].partition(".")[2])
    return any(
        all(abs(a - b) <= half for a, b in zip(row, wanted, strict=True))
        for row in rows
        for wanted in ((estimate, low, high), (-estimate, -high, -low))
    )


def test_every_interval_is_in_a_table():
    pages = [ROOT / "docs" / f"{name}.md" for name in ("replication", "replication_details")]
    text = re.sub(r"\s+", " ", "\n".join(page.read_text(encoding="utf-8") for page in pages))
    rows, shown = known(), {each.group(): each for each in INTERVAL.finditer(text)}
    assert len(shown) > 50 and set(ELSEWHERE) <= set(shown)
    own = [each for text, each in shown.items() if text not in ELSEWHERE]
    assert not [each.group() for each in own if not is_one_of(each.groups(), rows)]


def test_a_changed_digit_is_noticed():
    rows = known()
    assert is_one_of(("−2.8", "−8.5", "2.9"), rows) and is_one_of(("2.8", "−2.9", "8.5"), rows)
    assert not is_one_of(("−2.8", "−8.5", "3.0"), rows)
