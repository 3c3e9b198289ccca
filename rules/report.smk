# Tables, figures and the summary.


rule tables:
    input:
        audits=expand("results/{{study}}/data/{task}/audit.json", task=TASKS + MEASURED),
        pools=expand("results/{{study}}/properties/{task}/pool.json", task=MEASURED),
        properties=expand(
            "results/{{study}}/properties/{task}/{subset}.json", task=TASKS, subset=SUBSETS
        ),
        runs=expand(
            "results/{{study}}/models/{task}/{model}/n{n_train}_s{seed}.json",
            task=TASKS,
            model=SETTINGS["models"],
            n_train=SETTINGS["n_train"],
            seed=SETTINGS["seeds"],
        ),
        attacks=expand(
            "results/{{study}}/attacks/{task}/{model}.csv", task=TASKS, model=SETTINGS["models"]
        ),
        representations=expand(
            "results/{{study}}/representations/{task}/{model}.csv",
            task=TASKS,
            model=SETTINGS["models"],
        ),
        published=own("resources/published.csv"),
        captions=captions_of(TABLES),
    output:
        [
            report(
                f"results/{{study}}/tables/{table}.csv",
                caption=f"captions/{contents.caption_file(entry)}",
                category="Tables",
                labels={"table": entry.heading},
            )
            for table, entry in TABLES.items()
        ],
        expand("results/{{study}}/tables/{table}.tex", table=TABLES),
        "results/{study}/tables/columns.csv",
    log:
        "results/{study}/logs/tables.log",
    conda:
        "../envs/idsharp.yaml"
    container:
        CONTAINER
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        script=SCRIPTS / "tables.py",
        code=code_for("tables"),
        folder=folder_of_study,
        # Functions, because Snakemake would take {…} in these texts for wildcards.
        tasks=lambda wildcards: described_tasks(),
        measured=MEASURED,
        models=SETTINGS["models"],
        n_train=SETTINGS["n_train"],
        seeds=SETTINGS["seeds"],
        id_estimator=SETTINGS["id_estimator"],
        representation_estimator=SETTINGS["representation_estimator"],
        blocks="--blocks" if BLOCKS else "",
    message:
        "Assembling the tables of {wildcards.study}"
    shell:
        "python {params.script} {params.folder} --tasks {params.tasks:q} "
        "--measured {params.measured} --models {params.models} --n-train {params.n_train} --seeds {params.seeds} "
        "--id-estimator {params.id_estimator} "
        "--representation-estimator {params.representation_estimator} {params.blocks} "
        "--published {input.published} --captions {input.captions} > {log} 2>&1"


rule figures:
    input:
        tables=expand(
            "results/{{study}}/tables/{table}.csv",
            table=contents.tables_of(FIGURES.values()),
        ),
        images=expand("results/{{study}}/data/{task}/images.npy", task=TASKS + MEASURED),
        samples=expand("results/{{study}}/data/{task}/samples.csv", task=TASKS + MEASURED),
        pools=expand("results/{{study}}/properties/{task}/pool.json", task=TASKS + MEASURED),
        examples=expand(
            "results/{{study}}/attacks/{task}/{model}.examples.npz",
            task=TASKS,
            model=SETTINGS["models"],
        ),
    output:
        [
            report(
                f"results/{{study}}/figures/{figure}.png",
                caption=f"captions/{contents.caption_file(entry)}",
                category="Figures",
                labels={"figure": entry.heading},
            )
            for figure, entry in FIGURES.items()
        ],
        [
            f"results/{{study}}/figures/{figure}.{suffix}"
            for figure, entry in FIGURES.items()
            for suffix in entry.suffixes
            if suffix != "png"
        ],
        expand(
            "results/{{study}}/figures/all/{figure}.{suffix}",
            figure=contents.GRIDS,
            suffix=["pdf", "png"],
        ),
    log:
        "results/{study}/logs/figures.log",
    conda:
        "../envs/idsharp.yaml"
    container:
        CONTAINER
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        script=SCRIPTS / "figures.py",
        code=code_for("figures"),
        folder=folder_of_study,
        models=SETTINGS["models"],
        shown_epsilon=SETTINGS["shown_epsilon"],
        blocks="--blocks" if BLOCKS else "",
    message:
        "Drawing the figures of {wildcards.study}"
    shell:
        "python {params.script} {params.folder} --models {params.models} "
        "--shown-epsilon {params.shown_epsilon} {params.blocks} > {log} 2>&1"


rule summary:
    input:
        tables=expand("results/{{study}}/tables/{table}.csv", table=TABLES),
        columns="results/{study}/tables/columns.csv",
        drawings=rules.figures.output,
        pools=rules.tables.input.pools,
        properties=rules.tables.input.properties,
        runs=rules.tables.input.runs,
        receipts=expand(
            "results/{{study}}/index/{dataset}.receipt.json",
            dataset=sorted({dataset_of(task) for task in TASKS + MEASURED}),
        ),
        captions=captions_of(FIGURES) + captions_of(TABLES),
        sources=own("resources/datasets.tsv"),
        template=own("idsharp/report/page/page.html"),
    output:
        report("results/{study}/summary.md", caption="captions/summary.rst", category="Summary"),
        "results/{study}/index.html",
    log:
        "results/{study}/logs/summary.log",
    conda:
        "../envs/idsharp.yaml"
    container:
        CONTAINER
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        script=SCRIPTS / "summary.py",
        code=code_for("summary"),
        folder=folder_of_study,
        # Functions, because Snakemake would take {…} in these texts for wildcards.
        title=lambda wildcards: SETTINGS["title"],
        note=lambda wildcards: SETTINGS["note"],
        settings=lambda wildcards: json.dumps(result_settings(SETTINGS)),
        shown_epsilon=SETTINGS["shown_epsilon"],
    message:
        "Writing the page of {wildcards.study}"
    shell:
        "python {params.script} {params.folder} --title {params.title:q} "
        "--note {params.note:q} --settings {params.settings:q} "
        "--captions {input.captions} --sources {input.sources} --shown-epsilon {params.shown_epsilon} "
        "> {log} 2>&1"
