"""Sections of a study as one HTML file that needs nothing beside it."""

import html
import re
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from idsharp.report.page.blocks import Picture, Section
from idsharp.report.page.content import Content
from idsharp.report.page.pictures import png_inside, svg_inside

_FORMULAS = {
    "K_F": "<i>K<sub>F</sub></i>",
    "d_data": "<i>d</i><sub>data</sub>",
    "d_repr": "<i>d</i><sub>repr</sub>",
}
_INLINE = (
    (r"\*\*(.+?)\*\*", r"<strong>\1</strong>"),
    (r"`([^`]+)`", r"<code>\1</code>"),
    (r"\[([^\]]+)\]\(([^)\s]+)\)", r'<a href="\2">\1</a>'),
)


def to_html(content: Content, sections: list[Section], template: str, figures: Path) -> str:
    """The page.

    Args:
        template: Jinja source of the page.
        figures: folder of the figures' files.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["inline"] = inline
    # Whether a block is of a kind; templates know no classes.
    environment.tests["of"] = lambda block, kind: type(block).__name__ == kind
    page = environment.from_string(template)
    return page.render(
        title=content.title,
        sections=sections,
        contents=table_of_contents(sections),
        embed=lambda picture: embedded(picture, figures),
    )


def inline(text: str) -> Markup:
    """Text of a block as HTML: bold, code, links and formulas."""
    escaped = html.escape(text, quote=False)
    for pattern, replacement in _INLINE:
        escaped = re.sub(pattern, replacement, escaped)
    # Not inside addresses or names of files.
    pieces = re.split(r"(<a [^>]*>|<code>.*?</code>)", escaped)
    for position in range(0, len(pieces), 2):
        for plain, formula in _FORMULAS.items():
            pieces[position] = pieces[position].replace(plain, formula)
    return Markup("".join(pieces))


def embedded(picture: Picture, figures: Path) -> Markup:
    """A figure's drawing or photograph."""
    name = picture.figure.name
    if not picture.figure.photographs:
        return Markup(svg_inside(figures / f"{name}.svg", name, picture.alternative))
    address, width, height = png_inside(figures / f"{name}.png")
    return Markup('<img src="{}" width="{}" height="{}" alt="{}">').format(
        address, width, height, picture.alternative
    )


def table_of_contents(sections: list[Section]) -> dict[str, list[tuple[str, str, str]]]:
    """For each paper, and for what is ours, the place, heading and address of every figure."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for section in sections:
        for block in section.blocks:
            if not isinstance(block, Picture):
                continue
            anchor = f"figure-{block.figure.name}"
            for place in block.figure.place.split("; ") if block.figure.place else ["ours"]:
                paper, _, number = place.partition(", ")
                found.setdefault(paper, []).append((number, block.figure.heading, anchor))
    order = sorted(found, key=lambda paper: (paper == "ours", not paper.startswith("MICCAI")))
    return {paper: sorted(found[paper], key=_position) for paper in order}


def _position(line: tuple[str, str, str]) -> tuple[bool, str]:
    """Figures by number first, then sections and theorems."""
    return not line[0].startswith("Fig."), line[0]
