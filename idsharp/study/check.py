"""Validate config.yaml against the schema, and for consistency."""

import math
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from idsharp.models.names import check_blocks, check_image_size, check_model
from idsharp.study.config import ConfigError, collection_of, number_of_classes, settings_of
from idsharp.study.expand import written_out
from idsharp.study.messages import explain, is_meant, unknown

SCHEMA = Path(__file__).parents[2] / "rules" / "config.schema.yaml"


def check_config(config: dict) -> dict:
    """The validated configuration, with draws and groups of tasks expanded.

    Raises:
        ConfigError: a setting violates the schema or contradicts another one; the first is named.
    """
    for key, value in _numbers("", config):
        if not math.isfinite(value):
            raise ConfigError(f"{key} is {value}; write a finite number")
    validator = _validator()
    errors = validator.iter_errors(config)
    error = best_match(error for error in errors if is_meant(error, validator.schema))
    if error is not None:
        raise ConfigError(explain(error, validator.schema))
    config = written_out(config)
    if config["study"] not in config["studies"]:
        raise ConfigError(unknown("study", config["study"], config["studies"]))
    _check_datasets(config)
    for name in config["tasks"]:
        _check_task(name, config)
    for model in config["models"]:
        _check_hyperparameters(model, config)
    for name in config["studies"]:
        _check_study(name, config)
    return config


@cache
def _validator() -> Validator:
    """A validator for the schema, with integers as Python defines them.

    In JSON Schema, 50.0 is an integer; the scripts would reject it, but only later.
    """

    def is_integer(_: Any, value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool)

    types = Draft202012Validator.TYPE_CHECKER.redefine("integer", is_integer)
    return extend(Draft202012Validator, type_checker=types)(read_schema())


def read_schema() -> dict:
    """The schema, completed so that a dataset may have only the options of its adapter."""
    schema = yaml.load(SCHEMA.read_text(encoding="utf-8"), yaml.CSafeLoader)
    dataset, adapters = schema["$defs"]["dataset"], schema["$defs"]["adapters"]
    dataset["properties"]["adapter"]["enum"] = list(adapters)
    dataset["allOf"] = [
        {
            "if": {"properties": {"adapter": {"const": name}}},
            "then": {"$ref": f"#/$defs/adapters/{name}"},
        }
        for name in adapters
    ]
    dataset["unevaluatedProperties"] = False
    return schema


def _numbers(key: str, value: Any) -> Iterator[tuple[str, float]]:
    """Every float of the configuration with its key."""
    if isinstance(value, float):
        yield key, value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _numbers(f"{key}.{name}".removeprefix("."), part)
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from _numbers(f"{key}[{place}]", part)


def _check_datasets(config: dict) -> None:
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
        if dataset.get("url", "").startswith("http://") and "checksum" not in dataset:
            raise ConfigError(
                f"datasets.{name}.url begins with http://, so the download could be tampered with; "
                "use https://, or give the file's checksum as well"
            )
        try:
            re.compile(dataset.get("patient_pattern", ""))
        except re.error as error:
            raise ConfigError(
                f"datasets.{name}.patient_pattern is {dataset['patient_pattern']!r}, which is not "
                f"a regular expression: {error}"
            ) from error


def _check_task(name: str, config: dict) -> None:
    task, where = config["tasks"][name], f"tasks.{name}"
    if "dataset" not in task:
        raise ConfigError(f"{where} lacks dataset")
    if task["dataset"] not in config["datasets"]:
        raise ConfigError(unknown(f"{where}.dataset", task["dataset"], config["datasets"]))
    classes = task.get("classes")
    if isinstance(classes, dict) and "number" not in classes:
        raise ConfigError(f"{where}.classes lacks number: which draw to use, counted from 1")
    labels = [label for one in classes or [] for label in one] if isinstance(classes, list) else []
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise ConfigError(
            f"{where}.classes names the label {twice[0]!r} twice; a label belongs to one class"
        )
    _check_stand_in(name, config)


def _check_stand_in(name: str, config: dict) -> None:
    other, key = config["tasks"][name].get("instead_of"), f"tasks.{name}.instead_of"
    if other is None:
        return
    if other not in config["tasks"]:
        raise ConfigError(unknown(key, other, config["tasks"]))
    if other == name or "instead_of" in config["tasks"][other]:
        problem = "the task itself" if other == name else "itself another task's stand-in"
        raise ConfigError(f"{key} is {other!r}, {problem}; write the task that is replaced")


def _check_hyperparameters(model: str, config: dict) -> None:
    if model == "other":
        return
    try:
        check_model(model)
    except ValueError as error:
        raise ConfigError(f"models: {error}") from error
    for dataset in config["models"][model].get("by_dataset", {}):
        if dataset not in config["datasets"]:
            raise ConfigError(unknown(f"models.{model}.by_dataset", dataset, config["datasets"]))


def _check_study(name: str, config: dict) -> None:
    where = f"studies.{name}"
    like = config["studies"][name].get("like")
    if like is not None and like not in config["studies"]:
        raise ConfigError(unknown(f"{where}.like", like, config["studies"]))
    if like is not None and (like == name or "like" in config["studies"][like]):
        raise ConfigError(
            f"{where}.like is {like!r}, which has a `like` itself; name the original study"
        )
    study = settings_of(config, name)
    both = sorted(set(study["tasks"]) & set(study["measured"]))
    if both:
        raise ConfigError(
            f"{where}.measured names {both[0]}, and so does {where}.tasks; tasks are measured "
            f"anyway, so remove it from {where}.measured"
        )
    for task in study["tasks"]:
        _check_balance(where, study, task, number_of_classes(config["tasks"][task]))
    _check_models(where, study)
    if study["shown_epsilon"] not in study["epsilons"]:
        raise ConfigError(
            f"{where}.shown_epsilon is {study['shown_epsilon']}: write one of the epsilons "
            f"{study['epsilons']}"
        )
    needed = max(study["n_train"]) + study["n_test"]
    if study["pool_size"] < needed:
        raise ConfigError(
            f"{where}.pool_size is {study['pool_size']}: the largest training set and the test "
            f"set are drawn from it; write at least {needed}"
        )


def _check_balance(where: str, study: dict, task: str, classes: int | None) -> None:
    if classes == 1:
        raise ConfigError(
            f"{where}.tasks names {task}, which has only one class, so a network has nothing to "
            f"learn; give it another class, or move it to {where}.measured"
        )
    for key, sizes in (("n_train", study["n_train"]), ("n_test", [study["n_test"]])):
        odd = [size for size in sizes if size % (classes or 1)]
        if odd:
            raise ConfigError(
                f"{where}.{key} is {odd[0]}: task {task} has {classes} classes, and every set is "
                f"balanced; write a multiple of {classes}"
            )


def _check_models(where: str, study: dict) -> None:
    for model in study["models"]:
        try:
            check_model(model)
            check_image_size(model, study["image_size"])
            if study["representation_layers"] == "blocks":
                check_blocks(model)
        except ValueError as error:
            raise ConfigError(f"{where}.models: {error}") from error
