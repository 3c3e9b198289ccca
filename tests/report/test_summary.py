"""The page in Markdown: what it says of a study, and what it never leaves unsaid."""

import pandas as pd
import pytest

from idsharp.report.contents import FIGURES, shown
from idsharp.report.page.content import Content
from idsharp.report.page.markdown import to_markdown
from idsharp.report.page.sections import sections
from idsharp.report.tables.build import build_tables
from tests.report.synthetic import SOME, Law, Records, described, study_of


@pytest.fixture
def tables_of(tmp_path, published):
    """Builds the tables of a made-up study."""

    def build(**options):
        records = Records(tmp_path, options.pop("tasks", SOME), law=Law(run_sd=0.1), **options)
        return build_tables(study_of(published, records))

    return build


def summary_of(tables):
    figures = shown(FIGURES, blocks="representation_layers" in tables)
    captions = {figure.name: f"Caption of {figure.name}." for figure in figures}
    sources = pd.DataFrame(columns=["dataset", "title", "url", "licence", "access", "citation"])
    content = Content("Title", "Only a test.", tables, captions, sources, 2)
    return to_markdown("Title", sections(content))


def test_every_claim_has_its_sentence_and_gaps_their_reasons(tables_of):
    constant = (("task0", 100), ("task0", 200), ("task1", 100))
    tables = tables_of(diverged=(("task2", 100),), undefined=("task3",), constant=constant)
    text = summary_of(tables)
    claims = tables["claims"]
    for sentence in claims.loc[claims["is_primary"], "sentence"]:
        assert sentence in text
    assert "nan" not in text.lower()
    assert "**Diverged: 1** (task2), left out of every fit." in text
    assert "**3 networks with one answer to every image** (resnet18)" in text
    assert "> Only a test." in text


def test_small_studies_say_what_they_cannot_tell(tables_of):
    text = summary_of(tables_of(tasks={"one": described("one", "natural")}))
    assert text.count("not measured") >= 8


def test_sets_that_could_not_be_had_are_no_trained_networks(tables_of):
    tables = tables_of()
    runs = tables["runs"]
    n, above = len(runs), runs["above_chance_loss"].eq(True)
    assert f"{n} trained networks" in summary_of(tables)
    gap = runs.index[~above][0]
    runs.loc[gap, "status"] = "too few images"
    text = summary_of(tables)
    assert f"{n - 1} trained networks" in text
    assert "**Too few images: 1**" in text


def test_signs_of_masked_gradients_are_said(tables_of):
    tables = tables_of(attacks=("fgsm", "pgd"), diverged=(("task0", 100),))
    attacks = tables["attacks"]
    one = (attacks["task"] == "task5") & (attacks["n_train"] == 200)
    pgd = one & (attacks["attack"] == "pgd") & (attacks["epsilon_255"] == 2)
    # As right as 27 of 40 is beyond the noise about FGSM's 20; 25 would be within.
    changes = {"attacked_accuracy": 27 / 40, "attacked_accuracy_low": 0.52}
    attacks.loc[pgd, list(changes)] = list(changes.values())
    attacks.loc[one, "n_zero_gradient"] = 12
    text = summary_of(tables)
    assert (
        "Vanishing gradients: on 1 of 15 networks more than 1 % of the test images have no "
        "gradient (most: 30 %, task5, resnet18, N = 200, seed 0)"
    ) in text
    assert (
        "PGD does less than FGSM in 1 of 30 cases (networks and ε), most at ε = 2/255 on task5, "
        "resnet18, N = 200, seed 0: accuracy 0.675 against 0.500."
    ) in text
