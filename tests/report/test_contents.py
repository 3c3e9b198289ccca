"""The list of figures and tables: complete, unambiguous, and light enough for the rules."""

import subprocess
import sys

from idsharp.report import contents
from idsharp.report.latex import SHOWN


def test_every_figure_and_table_has_a_caption_and_every_caption_an_entry(root):
    entries = [*contents.FIGURES, *contents.TABLES]
    files = {contents.caption_file(entry) for entry in entries}
    there = {path.name for path in (root / "rules" / "captions").glob("*.rst")}
    assert there - files == {"report.rst", "summary.rst"}
    assert files <= there
    captions = contents.read_captions(root / "rules" / "captions" / name for name in files)
    assert all(caption.endswith(".") for caption in captions.values())


def test_names_are_unique_and_tables_of_figures_exist():
    tables = [table.name for table in contents.TABLES]
    assert len(tables) == len(set(tables))
    figures = [figure.name for figure in contents.FIGURES]
    assert len(figures) == len(set(figures))
    assert set(contents.tables_of(contents.FIGURES)) <= set(tables)
    # Without blocks no figure is drawn from a table that only blocks have.
    without = {table.name for table in contents.shown(contents.TABLES, blocks=False)}
    assert set(contents.tables_of(contents.shown(contents.FIGURES, blocks=False))) <= without
    assert set(SHOWN) == set(tables)


def test_reading_the_list_imports_nothing_heavy():
    code = """if True:
        import sys
        import idsharp.report.contents
        heavy = {"matplotlib", "pandas", "numpy", "torch"} & set(sys.modules)
        assert not heavy, heavy
    """
    subprocess.run([sys.executable, "-c", code], check=True)
