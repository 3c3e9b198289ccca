"""What stands beside a measurement: the papers' values, the atlas, a prediction."""

from argparse import Namespace
from dataclasses import dataclass, field

from idsharp.measure import placing, published
from idsharp.measure.atlas import read_atlas
from idsharp.measure.expected import ACCURACIES, Expected, expect
from idsharp.measure.published import Chart
from idsharp.measure.table import Section, sections_text
from idsharp.measure.text import printable
from idsharp.measure.verdict import Sentence


@dataclass(frozen=True)
class Compared:
    """Everything to show beside a measurement; empty where nothing was asked for.

    Attributes:
        charts: values of others with this dataset among them.
        sentences, sections: what they say, and tables.
        record: for JSON.
        expected: what the picture of a prediction is made from.
    """

    charts: list[Chart] = field(default_factory=list)
    sentences: list[Sentence] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    record: dict = field(default_factory=dict)
    expected: Expected | None = None


def compare(record: dict, args: Namespace) -> Compared:
    """What `--against` and `--predict` ask for.

    Args:
        record: from `idsharp.measure.run.measure`.
    """
    charts: list[Chart] = []
    sentences: list[Sentence] = []
    found: dict = {}
    if args.against == "papers":
        charts = published.place(record)
    tasks = read_atlas() if args.against == "atlas" or args.predict else []
    if args.against == "atlas":
        placed = placing.place(record, tasks)
        charts, sentences = placed.charts, placed.sentences
        found = {"placed": placed.record | {"sentences": [each.text for each in sentences]}}
    if charts:
        found["against"] = [
            {
                "title": chart.title,
                "reason": chart.reason,
                "values": [{"dataset": n, "domain": d, "value": v} for n, d, v in chart.rows],
            }
            for chart in charts
        ]
    if not args.predict:
        return Compared(charts, sentences, record=found)
    expected = expect(record, tasks, tuple(args.accuracy or ACCURACIES))
    words = [each.text for each in expected.sentences]
    found["predicted"] = expected.record | {"sentences": words}
    return Compared(charts, sentences + expected.sentences, expected.sections, found, expected)


def compared_text(compared: Compared) -> str:
    """The same as text; "" where there is nothing."""
    blocks = [published.charts_text(compared.charts)] if compared.charts else []
    if compared.sections:
        blocks.append(sections_text(compared.sections))
    if compared.sentences:
        blocks.append("\n".join(f"* {printable(each.text)}" for each in compared.sentences))
    return "\n\n".join(blocks)
