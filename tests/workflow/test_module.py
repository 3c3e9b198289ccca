"""The workflow as a module of another one, with settings of that one."""

import pytest

from tests.workflow.tiny import jobs_of, snakemake, write_images, write_study

OTHER = """
configfile: "tiny.yaml"


module idsharp:
    snakefile:
        "{project}/Snakefile"
    config:
        config


use rule * from idsharp as idsharp_*


rule count:
    default_target: True
    input:
        "results/tiny/tables/runs.csv",
    output:
        "count.txt",
    shell:
        "wc -l < {{input}} > {{output}}"
"""


@pytest.fixture
def other(root, tmp_path):
    """The folder of another workflow; its settings make a study of this one."""
    write_images(tmp_path)
    write_study(tmp_path)
    (tmp_path / "Snakefile").write_text(OTHER.format(project=root))
    return tmp_path


@pytest.mark.slow
def test_all_rules_have_the_prefix_of_the_other_workflow(other):
    jobs = jobs_of(snakemake(other, "-n", project=other))
    assert jobs == {
        "count": 1, "idsharp_locate": 4, "idsharp_index": 4, "idsharp_prepare": 4,
        "idsharp_properties": 2, "idsharp_pool_properties": 2, "idsharp_train": 4,
        "idsharp_attack": 2, "idsharp_representation": 2, "idsharp_tables": 1,
    }  # fmt: skip


@pytest.mark.nightly
@pytest.mark.slow
def test_another_workflow_runs_them(other):
    snakemake(other, project=other)
    assert (other / "count.txt").read_text().strip() == "5"
