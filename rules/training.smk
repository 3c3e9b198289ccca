# One job trains one network on one training set, the unit that users add and remove.


rule train:
    input:
        images="results/{study}/data/{task}/images.npy",
        samples="results/{study}/data/{task}/samples.csv",
    output:
        record="results/{study}/models/{task}/{model}/n{n_train}_s{seed}.json",
        checkpoint="results/{study}/models/{task}/{model}/n{n_train}_s{seed}.pt",
        history="results/{study}/models/{task}/{model}/n{n_train}_s{seed}.csv",
    log:
        "results/{study}/logs/train/{task}/{model}/n{n_train}_s{seed}.log",
    priority: 1
    conda:
        "../envs/idsharp.yaml"
    container:
        CONTAINER
    threads: SETTINGS["threads"]
    resources:
        mem_mb=8000,
        runtime=240,
        gpu=1,
        # Not a parameter, since it affects where networks are trained but not the result.
        jobs_per_gpu=SETTINGS["jobs_per_gpu"],
    params:
        script=SCRIPTS / "train.py",
        code=code_for("train"),
        outputs=lambda wildcards: outputs_of(wildcards.task),
        input_scale=lambda wildcards: hyperparameters(
            config, wildcards.model, dataset_of(wildcards.task)
        )["input_scale"],
        epochs=SETTINGS["epochs"],
        batch_size=lambda wildcards: hyperparameters(
            config, wildcards.model, dataset_of(wildcards.task)
        )["batch_size"],
        learning_rate=lambda wildcards: hyperparameters(
            config, wildcards.model, dataset_of(wildcards.task)
        )["learning_rate"],
        weight_decay=SETTINGS["weight_decay"],
        precision=SETTINGS["precision"],
        deterministic="--deterministic" if SETTINGS["deterministic"] else "",
        cuda_graphs="--cuda-graphs" if SETTINGS["cuda_graphs"] else "",
    message:
        "Training {wildcards.model} on {wildcards.n_train} images of {wildcards.task}, "
        "seed {wildcards.seed}"
    shell:
        "python {params.script} {wildcards.task} --images {input.images} "
        "--samples {input.samples} --model {wildcards.model} --n-train {wildcards.n_train} "
        "--seed {wildcards.seed} --outputs {params.outputs} --input-scale {params.input_scale} "
        "--epochs {params.epochs} --batch-size {params.batch_size} "
        "--learning-rate {params.learning_rate} --weight-decay {params.weight_decay} "
        "--precision {params.precision} {params.deterministic} {params.cuda_graphs} "
        "--threads {threads} --jobs-per-gpu {resources.jobs_per_gpu} --record {output.record} "
        "--checkpoint {output.checkpoint} --history {output.history} > {log} 2>&1"
