# idsharp: intrinsic dimension and label sharpness of image datasets, and what follows from them.
#   snakemake                       the demo study
#   snakemake --config study=NAME   another one; config.yaml lists them
from snakemake.utils import min_version

min_version("9.10")


include: "rules/common.smk"


if workflow.is_main_process:
    for line in filter(None, [release_if_dead(Path.cwd(), str(SCRIPTS)), *remarks(FOUND)]):
        logger.info(line)


onstart:
    hold(Path.cwd(), workflow.local_exec)
    missing = advice(FOUND) if config["missing_data"] == "stop" else None
    if trouble := unwritable(f"results/{STUDY}") or missing:
        raise WorkflowError(trouble)
    helpers.switch_off_job_rate_timer(workflow.scheduler)


onerror:
    logger.error(helpers.last_words(log))


report: "rules/captions/report.rst"


include: "rules/data.smk"
include: "rules/properties.smk"
include: "rules/training.smk"
include: "rules/attacks.smk"
include: "rules/representations.smk"
include: "rules/report.smk"


rule all:
    default_target: True
    input:
        # Listed so that deleted records are regenerated.
        expand([file for file in rules.tables.input if file[:8] == "results/"], study=STUDY),
        f"results/{STUDY}/summary.md",
        f"results/{STUDY}/index.html",
        expand(
            f"results/{STUDY}/figures/{{figure}}.{{suffix}}", figure=FIGURES, suffix=["pdf", "png"]
        ),
        expand(f"results/{STUDY}/tables/{{table}}.{{suffix}}", table=TABLES, suffix=["csv", "tex"]),
