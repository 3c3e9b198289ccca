"""What a page is made from."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

import pandas as pd

from idsharp.report.columns import heading
from idsharp.report.contents import FIGURES, TABLES, Entry, Figure, Table
from idsharp.report.latex import ROWS, SHOWN
from idsharp.report.page.blocks import Block, Grid, Picture, cell, grid

AnyEntry = TypeVar("AnyEntry", bound=Entry)

#: Rows of a table that are on the page; its file has all.
_MOST_ROWS = 60


@dataclass(frozen=True)
class Content:
    """Everything that the summary and the page of a study are made from.

    Attributes:
        title, note: of the study; the note may be empty.
        tables: the study's tables by name.
        captions: in words, by the names of their files: <figure> and <table>.table.
        sources: dataset, title, url, licence and citation of the datasets that are known.
        epsilon: the bound of the attacks that are shown, in 1/255.
        settings: of the study; the page alone shows them.
        versions: of software, each with the number of records that it made.
        receipts: of the datasets' files, with checksums.
    """

    title: str
    note: str
    tables: dict[str, pd.DataFrame]
    captions: dict[str, str]
    sources: pd.DataFrame
    epsilon: int
    settings: dict = field(default_factory=dict)
    versions: dict[str, dict[str, int]] = field(default_factory=dict)
    receipts: list[dict] = field(default_factory=list)

    def figures(self) -> list[Figure]:
        """The figures of the study, in order."""
        return [figure for figure in FIGURES if figure.name in self.captions]

    def claims(self) -> pd.DataFrame:
        """The primary test of each claim; two rows where it is of two domains."""
        claims = self.tables["claims"]
        return claims[claims["is_primary"].eq(True)]

    def sentences(self, claim: str) -> list[str]:
        """What the data say of a claim."""
        rows = self.claims()
        return list(rows.loc[rows["claim"] == claim, "sentence"])

    def picture(self, figure: Figure) -> Picture:
        """A figure, described by the sentences of its claims, or by its caption's first one."""
        caption = self.captions[figure.name]
        said = [sentence for claim in figure.claims for sentence in self.sentences(claim)]
        said = said or [caption.split(". ")[0].rstrip(".") + "."]
        return Picture(figure, caption, f"{figure.heading}. {' '.join(said)}")

    def of_claim(self, claim: str, entries: Iterable[AnyEntry]) -> list[AnyEntry]:
        """The figures or tables of a claim that no earlier claim has."""
        return [
            entry
            for entry in entries
            if entry.claims and entry.claims[0] == claim and self._is_there(entry)
        ]

    def _is_there(self, entry: Entry) -> bool:
        return entry.name in (self.tables if isinstance(entry, Table) else self.captions)

    def table(self, entry: Table) -> Grid:
        """A table folded away: the columns and rows that print shows, as far as there is room."""
        table = self.tables[entry.name]
        for column, values in ROWS.get(entry.name, {}).items():
            table = table[table[column].isin(values)]
        shown = [name for name in SHOWN[entry.name] if name in table and table[name].notna().any()]
        caption = self.captions.get(f"{entry.name}.table", "")
        if len(table) > _MOST_ROWS:
            caption += f" The first {_MOST_ROWS} of {len(table)} rows."
        columns = {name: (heading(name), cell) for name in shown}
        return grid(
            table.head(_MOST_ROWS)[shown].astype(object).infer_objects(),
            columns,
            title=entry.heading,
            caption=caption,
            source=f"tables/{entry.name}.csv",
            folded=True,
        )

    def of_claims(self, claim: str) -> list[Block]:
        """Figures and tables of a claim."""
        pictures = [self.picture(figure) for figure in self.of_claim(claim, FIGURES)]
        return [*pictures, *(self.table(table) for table in self.of_claim(claim, TABLES))]
