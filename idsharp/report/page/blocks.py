"""The parts of a page, before they become Markdown or HTML.

Text may hold **bold**, `code` and [links](address); formulas are written K_F, d_data and d_repr.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import pandas as pd

from idsharp.report.contents import Figure
from idsharp.report.wording import number


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Note:
    """A paragraph that must not be overlooked."""

    text: str


@dataclass(frozen=True)
class Points:
    """A list."""

    texts: list[str]


@dataclass(frozen=True)
class Grid:
    """A table.

    Attributes:
        headings, rows: cells as text.
        numeric: which columns hold numbers.
        title: what it is, where it is folded away.
        source: its file under the study's folder; empty if it has none.
        folded: whether it is shown only when asked for; Markdown then names the file alone.
    """

    headings: list[str]
    rows: list[list[str]]
    numeric: list[bool]
    title: str = ""
    caption: str = ""
    source: str = ""
    folded: bool = False


@dataclass(frozen=True)
class Picture:
    """A figure with its caption, and what it says for those who cannot see it."""

    figure: Figure
    caption: str
    alternative: str


Block = Text | Note | Points | Grid | Picture


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it.

    Attributes:
        anchor: address within the page.
        appendix: whether the page has it and the summary does not.
    """

    title: str
    anchor: str
    blocks: list[Block] = field(default_factory=list)
    parts: list["Section"] = field(default_factory=list)
    appendix: bool = False


def grid(table: pd.DataFrame, columns: dict[str, tuple[str, Callable]], **options) -> Grid:
    """Some columns of a table, each with a heading and a way to write its values; – if missing."""
    rows = [
        ["–" if pd.isna(row[name]) else write(row[name]) for name, (_, write) in columns.items()]
        for row in table.to_dict("records")
    ]
    numeric = [
        pd.api.types.is_numeric_dtype(table[name]) and not pd.api.types.is_bool_dtype(table[name])
        for name in columns
    ]
    return Grid([heading for heading, _ in columns.values()], rows, numeric, **options)


def cell(value: object) -> str:
    """Any value of a table: numbers to three significant digits, whole ones without a point."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:.0f}" if value == int(value) and abs(value) < 1e6 else number(value)
    return str(value)


def two_places(value: float) -> str:
    """A number with two decimals."""
    return f"{value:.2f}".replace("-", "−")
