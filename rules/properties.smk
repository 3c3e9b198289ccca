# Intrinsic dimension and label sharpness of the pool and of every training set.


rule properties:
    input:
        images="results/{study}/data/{task}/images.npy",
        samples="results/{study}/data/{task}/samples.csv",
    output:
        expand("results/{{study}}/properties/{{task}}/{subset}.json", subset=SUBSETS),
    log:
        "results/{study}/logs/properties/{task}.log",
    wildcard_constraints:
        task="|".join(TASKS),
    conda:
        "../envs/idsharp.yaml"
    container:
        CONTAINER
    threads: SETTINGS["threads"]
    resources:
        mem_mb=8000,
        runtime=60,
    params:
        script=SCRIPTS / "properties.py",
        code=code_for("properties"),
        k=SETTINGS["k"],
        m=SETTINGS["sharpness_m"],
        draws=SETTINGS["sharpness_draws"],
        subsets=SUBSETS,
    message:
        "Measuring intrinsic dimension and label sharpness of {wildcards.task}"
    shell:
        "python {params.script} {wildcards.task} --images {input.images} "
        "--samples {input.samples} --k {params.k} --m {params.m} --draws {params.draws} "
        "--subsets {params.subsets} --records {output} > {log} 2>&1"


if MEASURED:

    use rule properties as pool_properties with:
        output:
            "results/{study}/properties/{task}/pool.json",
        wildcard_constraints:
            task="|".join(MEASURED),
        params:
            script=SCRIPTS / "properties.py",
            code=code_for("properties"),
            k=SETTINGS["k"],
            m=SETTINGS["sharpness_m"],
            draws=SETTINGS["sharpness_draws"],
            subsets="pool",
