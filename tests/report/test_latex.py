"""Tables as LaTeX: spreads in their cells, nothing unescaped."""

import pandas as pd

from idsharp.report.latex import to_latex


def test_latex_shows_spreads_and_nothing_unescaped(complete):
    _, tables = complete
    for name, table in tables.items():
        text = to_latex(name, table, f"Caption of {name}.", ["task0: a_note & more"])
        assert r"task0: a\_note \& more" in text
        rows = [line for line in text.splitlines() if " & " in line]
        assert rows or table.empty
        assert len({row.count(" & ") for row in rows}) <= 1, name
        assert all(row.rstrip().endswith(r"\\") for row in rows)
        assert "nan" not in text.lower(), name
    assert r"$\pm$ 0.1" in to_latex("datasets", tables["datasets"], "", [])
    interval = to_latex("attacks", tables["attacks"], "", [])
    assert "0.5 [0.352, 0.648]" in interval
    assert " [" in to_latex("domain_gap", tables["domain_gap"], "", [])


def test_a_table_without_rows_is_one_without_rows():
    numbers = pd.DataFrame({"model": ["resnet18"], "accuracy": [0.5], "accuracy_sd": [0.1]})
    numbers = numbers.assign(estimate=1.0, low=0.5, high=1.5)
    assert "Nothing" in to_latex("attacks", numbers.iloc[:0], "Nothing was attacked.", [])
