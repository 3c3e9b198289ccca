"""Checking config.yaml, and the settings of the chosen study.

Needs neither torch nor Snakemake: the Snakefile is parsed again in every cluster job.
"""

import difflib
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from idsharp.models.names import check_blocks, check_image_size, check_model

SCHEMA = Path(__file__).parents[2] / "rules" / "config.schema.yaml"


#: Settings of the study that adapters take too, since they fetch only what it needs.
_STUDY_SETTINGS = {
    "medmnist": ["image_size"],
    "duke_breast": ["pool_size"],
    "prostate": ["pool_size"],
}

#: Settings of a dataset that say what it means in a study, not how it is read.
_NOT_FOR_ADAPTERS = ("domain", "collection", "note", "channels")


class ConfigError(ValueError):
    """A wrong setting; the message names its key and says what is allowed."""


def check_config(config: dict) -> None:
    """Raise ConfigError at the first setting that the schema, or plain sense, does not allow."""
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    error = best_match(Draft202012Validator(schema).iter_errors(config))
    if error is not None:
        raise ConfigError(_explain(error, config))
    if config["study"] not in config["studies"]:
        raise ConfigError(_unknown("study", config["study"], config["studies"]))
    _check_collections(config)
    for name, task in config["tasks"].items():
        if task["dataset"] not in config["datasets"]:
            key = f"tasks.{name}.dataset"
            raise ConfigError(_unknown(key, task["dataset"], config["datasets"]))
        other = task.get("instead_of", name)
        if other not in config["tasks"]:
            raise ConfigError(_unknown(f"tasks.{name}.instead_of", other, config["tasks"]))
    for model in config["models"]:
        _check_hyperparameters(model, config)
    for name in config["studies"]:
        _check_study(name, config)


def study_settings(config: dict) -> dict:
    """All settings of the chosen study: its own where it has them, else the defaults."""
    name = config["study"]
    return {"name": name, "title": name, "note": ""} | config["defaults"] | config["studies"][name]


def number_of_classes(task: dict) -> int | None:
    """Classes that a task tells apart; None where every label of the dataset is one."""
    classes = task.get("classes")
    return classes["draw"] if isinstance(classes, dict) else len(classes or []) or None


def channels_of(task: str, config: dict, study: dict) -> int:
    """Channels of a task's images in a study: the study's, or as its dataset has ("own")."""
    if study["channels"] != "own":
        return study["channels"]
    return config["datasets"][config["tasks"][task]["dataset"]].get("channels", 1)


def collection_of(config: dict, dataset: str) -> str:
    """The collection that a dataset's images belong to: by default the dataset itself.

    Images of one collection are one unit of evidence in the regressions.
    """
    return config["datasets"][dataset].get("collection", dataset)


def adapter_settings(config: dict, study: dict, dataset: str) -> dict:
    """What an adapter is told: how a dataset is found and read."""
    settings = config["datasets"][dataset]
    told = {key: settings[key] for key in settings if key not in _NOT_FOR_ADAPTERS}
    told |= {key: study[key] for key in _STUDY_SETTINGS.get(settings["adapter"], [])}
    return told | ({"mirror": config["mirror"]} if "mirror" in config else {})


def hyperparameters(config: dict, model: str, dataset: str) -> dict:
    """Learning rate, batch size and input scale of a model on a dataset.

    A model without an entry takes those of `other`; without an input scale of its own, the study's.
    """
    settings = config["models"].get(model, config["models"]["other"])
    chosen = {"input_scale": study_settings(config)["input_scale"]} | settings
    chosen |= settings.get("by_dataset", {}).get(dataset, {})
    return {name: chosen[name] for name in ("learning_rate", "batch_size", "input_scale")}


def merged(config: dict, more: dict) -> dict:
    """A configuration with the settings of a second file over it, as Snakemake merges them."""
    both = dict(config)
    for key, value in more.items():
        nested = isinstance(value, dict) and isinstance(both.get(key), dict)
        both[key] = merged(both[key], value) if nested else value
    return both


def _check_collections(config: dict) -> None:
    first: dict[str, str] = {}
    for name, dataset in config["datasets"].items():
        other = first.setdefault(collection_of(config, name), name)
        if config["datasets"][other]["domain"] != dataset["domain"]:
            raise ConfigError(
                f"datasets.{name}.domain is {dataset['domain']!r}, but {other}, of the same "
                f"collection {collection_of(config, name)!r}, is "
                f"{config['datasets'][other]['domain']!r}: a collection belongs to one domain; "
                "change a domain, or give one of them another collection"
            )


def _check_hyperparameters(model: str, config: dict) -> None:
    if model == "other":
        return
    try:
        check_model(model)
    except ValueError as error:
        raise ConfigError(f"models: {error}") from error
    for dataset in config["models"][model].get("by_dataset", {}):
        if dataset not in config["datasets"]:
            raise ConfigError(_unknown(f"models.{model}.by_dataset", dataset, config["datasets"]))


def _check_study(name: str, config: dict) -> None:
    study = config["defaults"] | config["studies"][name]
    where = f"studies.{name}"
    for key in ("tasks", "measured"):
        for task in study[key]:
            if task not in config["tasks"]:
                raise ConfigError(_unknown(f"{where}.{key}", task, config["tasks"]))
    both = sorted(set(study["tasks"]) & set(study["measured"]))
    if both:
        raise ConfigError(
            f"{where}.measured names {both[0]}, which {where}.tasks names too; tasks are measured "
            "anyway, leave it there alone"
        )
    for task in study["tasks"]:
        classes = number_of_classes(config["tasks"][task]) or 1
        for key, sizes in (("n_train", study["n_train"]), ("n_test", [study["n_test"]])):
            odd = [size for size in sizes if size % classes]
            if odd:
                raise ConfigError(
                    f"{where}.{key} is {odd[0]}: task {task} has {classes} classes, and every set "
                    f"is balanced; write a multiple of {classes}"
                )
    for model in study["models"]:
        try:
            check_model(model)
            check_image_size(model, study["image_size"])
            if study["representation_layers"] == "blocks":
                check_blocks(model)
        except ValueError as error:
            raise ConfigError(f"{where}.models: {error}") from error
    if study["shown_epsilon"] not in study["epsilons"]:
        raise ConfigError(
            f"{where}.shown_epsilon is {study['shown_epsilon']}: write one of the epsilons "
            f"{study['epsilons']}"
        )
    needed = max(study["n_train"]) + study["n_test"]
    if study["pool_size"] < needed:
        raise ConfigError(
            f"{where}.pool_size is {study['pool_size']}: the largest training set and the test "
            f"set come out of it; write at least {needed}"
        )


def _explain(error: ValidationError, config: dict) -> str:
    """One sentence: which key, what was found, what is allowed."""
    key = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path)
    key = key.removeprefix(".") or "config"
    if error.validator == "additionalProperties":
        allowed = sorted(error.schema["properties"])
        unknown = sorted(set(error.instance) - set(allowed))[0]
        return (
            f"{key} has an unknown key {unknown!r}{_suggest(unknown, allowed)}; allowed: "
            + ", ".join(allowed)
        )
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return f"{key} lacks {' and '.join(missing)}"
    allowed = error.schema.get("description", error.message)
    text = f"{key} is {error.instance!r}; allowed: {allowed}"
    if error.validator == "enum":
        values = [str(value) for value in error.validator_value]
        text += f" — {', '.join(values)}" + _suggest(str(error.instance), values)
    return text


def _unknown(key: str, value: str, known) -> str:
    return (
        f"{key} names {value!r}, which is not there{_suggest(value, list(known))}; there are: "
        + ", ".join(known)
    )


def _suggest(wrong: str, allowed: list[str]) -> str:
    near = difflib.get_close_matches(wrong, allowed, n=1)
    return f" (did you mean {near[0]}?)" if near else ""
