"""Sections of a study as Markdown."""

import re

from idsharp.report.page.blocks import Block, Grid, Note, Picture, Points, Section, Text


def to_markdown(title: str, sections: list[Section]) -> str:
    """One page of Markdown; appendices are left out, folded tables are named by their file."""
    parts = [f"# {title}"]
    for section in sections:
        if not section.appendix:
            parts += [f"## {section.title}", *(_block(block) for block in section.blocks)]
    text = "\n\n".join(filter(None, parts)) + "\n"
    # Addresses within the page; Markdown has its own.
    return re.sub(r"\[([^]]+)\]\(#[^)]*\)", r"\1", text)


def _block(block: Block) -> str:
    match block:
        case Text(text):
            return text
        case Note(text):
            return f"> {text}"
        case Points(texts):
            return "\n".join(f"- {text}" for text in texts)
        case Picture(figure, caption, _):
            place = f" ({figure.place})" if figure.place else ""
            image = f"![{figure.heading}](figures/{figure.name}.png)"
            return f"### {figure.heading}{place}\n\n{image}\n\n{caption}"
        case Grid():
            return _grid(block)
    raise TypeError(block)


def _grid(grid: Grid) -> str:
    if grid.folded:
        return f"{grid.title}: [`{grid.source}`]({grid.source})." if grid.source else ""
    rule = "|".join("---:" if numeric else "---" for numeric in grid.numeric)
    rows = [" | ".join(cell.replace("|", "/") for cell in row) for row in grid.rows]
    return "\n".join([f"| {' | '.join(grid.headings)} |", f"|{rule}|", *(f"| {r} |" for r in rows)])
