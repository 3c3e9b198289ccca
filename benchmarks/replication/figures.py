"""The figures of docs/replication.md that show networks, from the replication's records.

python benchmarks/replication/figures.py
"""

from pathlib import Path

from answers import alone
from records import read_records

from idsharp.report.figures.registry import FIGURES
from idsharp.report.figures.style import save
from idsharp.report.selection import Results
from idsharp.report.tables.build import build_tables
from idsharp.report.tables.study import Study

HERE = Path(__file__).resolve().parent


class FromRecords(Results):
    """The tables of a study that lies in no folder of results."""

    def __init__(self, study: Study, shown_epsilon: int = 2):
        self.folder, self.shown_epsilon = HERE, shown_epsilon
        self._tables = build_tables(study)


def main() -> None:
    study = read_records()
    # DenseNet-121 lacks two of the four N, so that means over networks would not compare over N.
    for name, shown in {
        "accuracy_vs_id": study,
        "representation_vs_data": alone(study, "resnet18"),
    }.items():
        save(FIGURES[name](FromRecords(shown)), HERE / name, ("png",))


if __name__ == "__main__":
    main()
