# From the files of a dataset to the 8-bit images of a task.


rule locate:
    input:
        files=lambda wildcards: map(local, own_files(config, SETTINGS, wildcards.dataset)),
    output:
        "results/{study}/index/{dataset}.receipt.json",
    log:
        "results/{study}/logs/locate/{dataset}.log",
    priority: 2
    conda:
        "../envs/idsharp.yaml"
    container:
        CONTAINER
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        script=SCRIPTS / "locate.py",
        code=lambda wildcards: code_for_dataset("locate", wildcards.dataset),
        settings=lambda wildcards: dataset_settings(wildcards.dataset),
        data_dir=lambda wildcards: config["data_dir"],
    message:
        "Locating {wildcards.dataset}"
    shell:
        "python {params.script} {wildcards.dataset} --settings {params.settings:q} "
        "--data-dir {params.data_dir:q} --receipt {output} > {log} 2>&1"


rule index:
    input:
        receipt="results/{study}/index/{dataset}.receipt.json",
    output:
        "results/{study}/index/{dataset}.csv",
    log:
        "results/{study}/logs/index/{dataset}.log",
    priority: 2
    conda:
        "../envs/idsharp.yaml"
    container:
        CONTAINER
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        script=SCRIPTS / "index.py",
        code=lambda wildcards: code_for_dataset("index", wildcards.dataset),
        settings=lambda wildcards: dataset_settings(wildcards.dataset),
        data_dir=lambda wildcards: config["data_dir"],
    message:
        "Indexing {wildcards.dataset}"
    shell:
        "python {params.script} {wildcards.dataset} --settings {params.settings:q} "
        "--data-dir {params.data_dir:q} --index {output} > {log} 2>&1"


rule prepare:
    input:
        index=lambda wildcards: f"results/{wildcards.study}/index/{dataset_of(wildcards.task)}.csv",
        # If images change but not their names, the receipt changes but not the index.
        receipt=lambda wildcards: f"results/{wildcards.study}/index/{dataset_of(wildcards.task)}.receipt.json",
    output:
        images="results/{study}/data/{task}/images.npy",
        samples="results/{study}/data/{task}/samples.csv",
        audit="results/{study}/data/{task}/audit.json",
    log:
        "results/{study}/logs/prepare/{task}.log",
    priority: 2
    conda:
        "../envs/idsharp.yaml"
    container:
        CONTAINER
    threads: lambda wildcards: decoding_processes(config, SETTINGS, wildcards.task)
    resources:
        mem_mb=8000,
        runtime=240,
    params:
        script=SCRIPTS / "prepare.py",
        code=lambda wildcards: code_for_dataset("prepare", dataset_of(wildcards.task)),
        dataset=lambda wildcards: dataset_of(wildcards.task),
        settings=lambda wildcards: dataset_settings(dataset_of(wildcards.task)),
        data_dir=lambda wildcards: config["data_dir"],
        classes=lambda wildcards: json.dumps(config["tasks"][wildcards.task].get("classes")),
        label=lambda wildcards: config["tasks"][wildcards.task].get("label", "label"),
        split=lambda wildcards: split_of(wildcards.task),
        image_size=SETTINGS["image_size"],
        channels=lambda wildcards: channels_of(wildcards.task, config, SETTINGS),
        pool_size=SETTINGS["pool_size"],
        n_test=lambda wildcards: 0 if wildcards.task in MEASURED else SETTINGS["n_test"],
        unreadable_limit=SETTINGS["unreadable_limit"],
    message:
        "Preparing {wildcards.task}"
    shell:
        "python {params.script} {wildcards.task} --dataset {params.dataset} "
        "--settings {params.settings:q} --data-dir {params.data_dir:q} --index {input.index} "
        "--classes {params.classes:q} --label {params.label:q} --split {params.split} "
        "--image-size {params.image_size} --channels {params.channels} "
        "--pool-size {params.pool_size} --n-test {params.n_test} "
        "--unreadable-limit {params.unreadable_limit} --processes {threads} --images {output.images} "
        "--samples {output.samples} --audit {output.audit} > {log} 2>&1"
