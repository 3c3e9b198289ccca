# FGSM at every ε, on all networks of one task and model.


rule attack:
    input:
        images="results/{study}/data/{task}/images.npy",
        samples="results/{study}/data/{task}/samples.csv",
        runs=runs_of,
        checkpoints=checkpoints_of,
        code=code_for("attack"),
    output:
        "results/{study}/attacks/{task}/{model}.csv",
    log:
        "results/{study}/logs/attack/{task}/{model}.log",
    conda:
        "../envs/idsharp.yaml"
    threads: SETTINGS["threads"]
    resources:
        mem_mb=8000,
        runtime=60,
        gpu=1,
    params:
        epsilons=SETTINGS["epsilons"],
        jobs_per_gpu=SETTINGS["jobs_per_gpu"],
    message:
        "Attacking {wildcards.model} on {wildcards.task}"
    shell:
        "python {input.code[0]} --images {input.images} --samples {input.samples} "
        "--runs {input.runs} --epsilons {params.epsilons} --threads {threads} "
        "--jobs-per-gpu {params.jobs_per_gpu} --table {output} > {log} 2>&1"
