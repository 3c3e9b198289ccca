"""The page of a study: what it holds, what it says, and that it needs nothing beside it."""

import re

import pandas as pd
import pytest

from idsharp.common.records import write_json
from idsharp.report import contents
from idsharp.report.figures import registry, style
from idsharp.report.page.content import Content
from idsharp.report.page.html import inline
from idsharp.report.page.pictures import png_inside, svg_inside
from idsharp.report.summary import receipts, versions, write_pages
from tests.conftest import ROOT
from tests.report import made_up


def content_of(study, **more):
    """The content of a made-up study, its tables as they are read from files."""
    tables = {name: study[name] for name in study._tables}
    captions = contents.read_captions((ROOT / "rules" / "captions").glob("*.rst"))
    sources = pd.read_csv(ROOT / "resources" / "datasets.tsv", sep="\t")
    return Content("A <made-up> study", "Only a test.", tables, captions, sources, 2, **more)


def write_page(folder, study=None, **more):
    """The page of a made-up study in a folder, with its figures."""
    study = study or made_up.few()
    for figure in contents.FIGURES:
        drawn = registry.FIGURES[figure.name](study)
        style.save(drawn, folder / "figures" / figure.name, figure.suffixes)
    write_pages(folder, content_of(study, **more))
    return folder / "index.html"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    receipt = {"dataset": "digits", "sha256": {"a.gz": "0123abcd"}}
    more = {"settings": {"image_size": 32}, "versions": {"torch": {"2.9": 15}}}
    return write_page(folder, receipts=[receipt], **more)


@pytest.fixture
def text(page):
    return page.read_text(encoding="utf-8")


def test_the_page_needs_nothing_beside_it(page, text):
    assert page.stat().st_size < 5e6
    assert "<script" not in text
    loaded = re.findall(r'(?:src|xlink:href|<link[^>]*href)="([^"]*)"', text)
    assert loaded
    assert all(address.startswith(("data:", "#")) for address in loaded)
    assert not re.search(r"@import|url\((?!#)", text)


def test_every_claim_has_its_verdict_sentence_figures_and_tables(text):
    claims = made_up.few()["claims"]
    primary = claims[claims["is_primary"]]
    assert set(primary["claim"]) == {f"C{number}" for number in range(1, 9)}
    for row in primary.itertuples():
        assert f'id="{row.claim}"' in text
        assert str(inline(row.sentence)) in text
    for figure in contents.FIGURES:
        if figure.name != "comparison":  # nothing to compare with
            assert f'id="figure-{figure.name}"' in text, figure.name
    for claim in primary["claim"].unique():
        entries = [*contents.FIGURES, *contents.TABLES]
        assert any(claim in entry.claims for entry in entries), claim


def test_every_table_is_on_the_page_with_its_file(text):
    for table in contents.TABLES:
        assert f'href="tables/{table.name}.csv"' in text, table.name


def test_what_is_said_of_the_study_is_escaped_and_gaps_have_reasons(text):
    assert "A &lt;made-up&gt; study" in text
    assert "Only a test." in text
    assert made_up.NOTE in text
    visible = re.sub(r"<[^>]*>", " ", re.sub(r"<(style|svg).*?</\1>", "", text, flags=re.DOTALL))
    assert not re.search(r"\bnan\b|\bNone\b(?! of)", visible)
    assert "None of 52 published values can be compared" in visible
    assert "3 collections, 5 are needed" in visible


def test_contents_go_by_the_numbers_of_the_papers(text):
    nav = text[text.index("<nav") : text.index("</nav>")]
    for paper, numbers in {"MICCAI 2022": "2 3 4 5a 5b", "ICLR 2024": "1 1 2 3 4 5"}.items():
        part = nav[nav.index(f"<strong>{paper}") :]
        part = part[: part.index("</section>")]
        assert re.findall(r"Fig. (\w+):", part) == numbers.split()


def test_provenance_is_on_the_page_alone(page, text):
    for words in ("0123abcd", "image_size", "2.9"):
        assert words in text
    summary = (page.parent / "summary.md").read_text()
    assert "Provenance" not in summary and "0123abcd" not in summary


def test_the_summary_says_the_same(page, text):
    summary = (page.parent / "summary.md").read_text()
    claims = made_up.few()["claims"]
    for sentence in claims.loc[claims["is_primary"], "sentence"]:
        assert sentence in summary
    for link in re.findall(r"\]\((figures/[^)]+)\)", summary):
        assert (page.parent / link).is_file()
    assert "](#" not in summary
    assert "nan" not in summary.lower()


def test_text_becomes_html():
    found = inline("**a < b** of `K_F.csv`, K_F and d_data: [here](x_K_F) & there")
    assert str(found) == (
        "<strong>a &lt; b</strong> of <code>K_F.csv</code>, <i>K<sub>F</sub></i> and "
        '<i>d</i><sub>data</sub>: <a href="x_K_F">here</a> &amp; there'
    )


def test_drawings_share_no_names_and_no_style(tmp_path):
    style.save(registry.FIGURES["exponents"](made_up.few()), tmp_path / "x", ("svg",))
    text = svg_inside(tmp_path / "x.svg", "one", 'it "falls"')
    assert 'aria-label="it &quot;falls&quot;"' in text
    assert "<style" not in text and "metadata" not in text
    ids = set(re.findall(r'\bid="([^"]*)"', text))
    used = set(re.findall(r'(?:url\(#|href="#)([^")]*)', text))
    assert used and used <= ids
    assert all(name.startswith("one-") for name in ids)


def test_photographs_are_small_and_know_their_size(tmp_path):
    style.save(registry.FIGURES["samples"](made_up.many()), tmp_path / "x", ("png",))
    address, width, height = png_inside(tmp_path / "x.png")
    assert len(address) < 1e6
    assert width == pytest.approx(1.3 * 96 * style.TWO_COLUMNS / 25.4, abs=2)
    assert 0.5 * width < height < 2 * width


def test_versions_and_checksums_are_those_of_the_records(tmp_path):
    tables = {
        "properties": pd.DataFrame({"task": ["a", "b"], "subset": "pool"}),
        "runs": pd.DataFrame({"task": ["a"], "model": "m", "n_train": 1, "seed": 0}),
        "datasets": pd.DataFrame({"dataset": ["d", "d"]}),
    }
    record = {"torch_version": "2.9", "git_commit": "abc", "n_images": 3}
    for name in ("properties/a/pool", "properties/b/pool", "models/a/m/n1_s0"):
        write_json(tmp_path / f"{name}.json", record)
    write_json(tmp_path / "index" / "d.receipt.json", {"dataset": "d", "sha256": {"f": "0"}})
    assert versions(tmp_path, tables) == {"torch": {"2.9": 3}, "git commit": {"abc": 3}}
    assert receipts(tmp_path, tables) == [{"dataset": "d", "sha256": {"f": "0"}}]
