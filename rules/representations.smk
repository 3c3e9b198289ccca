# Intrinsic dimension of the representations in all networks of one task and model.


rule representation:
    input:
        images="results/{study}/data/{task}/images.npy",
        samples="results/{study}/data/{task}/samples.csv",
        runs=runs_of,
        checkpoints=checkpoints_of,
    output:
        "results/{study}/representations/{task}/{model}.csv",
    log:
        "results/{study}/logs/representation/{task}/{model}.log",
    conda:
        "../envs/idsharp.yaml"
    container:
        CONTAINER
    threads: SETTINGS["threads"]
    resources:
        mem_mb=8000,
        runtime=240 if BLOCKS else 60,
        disk_mb=10000 if BLOCKS else 1000,
        gpu=1,
        jobs_per_gpu=SETTINGS["jobs_per_gpu"],
    params:
        script=SCRIPTS / "representation.py",
        code=code_for("representation"),
        k=SETTINGS["k"],
        layers=SETTINGS["representation_layers"],
        deterministic="--deterministic" if SETTINGS["deterministic"] else "",
    message:
        "Measuring representations of {wildcards.task} in {wildcards.model}"
    shell:
        "python {params.script} --images {input.images} --samples {input.samples} "
        "--runs {input.runs} --k {params.k} --layers {params.layers} "
        "{params.deterministic} --threads {threads} --jobs-per-gpu {resources.jobs_per_gpu} --table {output} > {log} 2>&1"
