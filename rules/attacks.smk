# Attack all networks of one task and model with every attack at every ε.


rule attack:
    input:
        images="results/{study}/data/{task}/images.npy",
        samples="results/{study}/data/{task}/samples.csv",
        runs=runs_of,
        checkpoints=checkpoints_of,
    output:
        table="results/{study}/attacks/{task}/{model}.csv",
        per_image="results/{study}/attacks/{task}/{model}.npz",
        examples="results/{study}/attacks/{task}/{model}.examples.npz",
    log:
        "results/{study}/logs/attack/{task}/{model}.log",
    conda:
        "../envs/idsharp.yaml"
    container:
        CONTAINER
    threads: SETTINGS["threads"]
    resources:
        mem_mb=8000,
        runtime=60 if SETTINGS["attacks"] == ["fgsm"] else 240,
        gpu=1,
        jobs_per_gpu=SETTINGS["jobs_per_gpu"],
    params:
        script=SCRIPTS / "attack.py",
        code=code_for("attack"),
        attacks=SETTINGS["attacks"],
        epsilons=SETTINGS["epsilons"],
        pgd_steps=SETTINGS["pgd_steps"],
        pgd_step_size=SETTINGS["pgd_step_size"],
        pgd_restarts=SETTINGS["pgd_restarts"],
        deterministic="--deterministic" if SETTINGS["deterministic"] else "",
    message:
        "Attacking {wildcards.model} on {wildcards.task}"
    shell:
        "python {params.script} {wildcards.task} {wildcards.model} --images {input.images} "
        "--samples {input.samples} --runs {input.runs} --attacks {params.attacks} "
        "--epsilons {params.epsilons} --pgd-steps {params.pgd_steps} "
        "--pgd-step-size {params.pgd_step_size} --pgd-restarts {params.pgd_restarts} "
        "{params.deterministic} --threads {threads} --jobs-per-gpu {resources.jobs_per_gpu} --table {output.table} "
        "--per-image {output.per_image} --examples {output.examples} > {log} 2>&1"
