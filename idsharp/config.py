"""Checking config.yaml, and the settings of the chosen study.

Needs neither torch nor Snakemake: the Snakefile is parsed again in every cluster job.
"""

import difflib
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

SCHEMA = Path(__file__).parent.parent / "rules" / "config.schema.yaml"


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
    for name, task in config["tasks"].items():
        if task["dataset"] not in config["datasets"]:
            key = f"tasks.{name}.dataset"
            raise ConfigError(_unknown(key, task["dataset"], config["datasets"]))
    for name in config["studies"]:
        _check_study(name, config)


def study_settings(config: dict) -> dict:
    """All settings of the chosen study: its own where it has them, else the defaults."""
    name = config["study"]
    return {"name": name, "title": name, "note": ""} | config["defaults"] | config["studies"][name]


def _check_study(name: str, config: dict) -> None:
    study = config["defaults"] | config["studies"][name]
    where = f"studies.{name}"
    for task in study["tasks"]:
        if task not in config["tasks"]:
            raise ConfigError(_unknown(f"{where}.tasks", task, config["tasks"]))
        for key, sizes in (("n_train", study["n_train"]), ("n_test", [study["n_test"]])):
            classes = len(config["tasks"][task].get("classes", [])) or 1
            odd = [size for size in sizes if size % classes]
            if odd:
                raise ConfigError(
                    f"{where}.{key} is {odd[0]}: task {task} has {classes} classes, and every set "
                    f"is balanced; write a multiple of {classes}"
                )
    for model in study["models"]:
        if model not in config["models"]:
            raise ConfigError(f"models has no entry {model}, which {where}.models names")
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
