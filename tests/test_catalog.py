"""What the Snakemake workflow catalog reads of this repository, and that it is true."""

import re

import yaml

from tests.conftest import ROOT

CATALOG = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text(encoding="utf-8"))
USAGE = CATALOG["usage"]


def test_it_has_the_keys_that_the_catalog_documents():
    assert CATALOG.keys() == {"usage"}
    assert USAGE.keys() == {"mandatory-flags", "software-stack-deployment", "report"}
    assert USAGE["mandatory-flags"].keys() == {"desc", "flags"}
    ways = USAGE["software-stack-deployment"]
    assert ways.keys() <= {"conda", "apptainer", "apptainer+conda"}
    assert all(isinstance(claim, bool) for claim in (*ways.values(), USAGE["report"]))


def test_files_that_its_text_names_are_there():
    named = re.findall(r"\b[\w/]+\.(?:yaml|md)\b", USAGE["mandatory-flags"]["desc"])
    assert "docs/config.md" in named  # the schema makes it, which another test compares
    assert all((ROOT / file).is_file() for file in named), named


def test_every_rule_with_a_script_has_the_conda_environment_that_it_claims():
    rules = [
        rule
        for file in (ROOT / "rules").glob("*.smk")
        for rule in re.split(r"(?m)^rule ", file.read_text(encoding="utf-8"))[1:]
        if "script=" in rule
    ]
    assert rules and USAGE["software-stack-deployment"]["conda"]
    for rule in rules:
        (environment,) = re.findall(r'conda:\s+"\.\./(.*)"', rule)
        assert (ROOT / environment).is_file(), rule


def test_a_report_has_results_with_captions():
    assert USAGE["report"]
    (text,) = re.findall(r'(?m)^report: "(.*)"', (ROOT / "Snakefile").read_text(encoding="utf-8"))
    assert (ROOT / text).is_file()
    assert "report(" in (ROOT / "rules" / "report.smk").read_text(encoding="utf-8")


def test_what_the_generic_list_asks_for():
    assert (ROOT / "Snakefile").is_file()
    assert list((ROOT / "rules").glob("*.smk"))
    readme = (ROOT / "README.md").read_text(encoding="utf-8").lower()
    assert "snakemake" in readme and "workflow" in readme
