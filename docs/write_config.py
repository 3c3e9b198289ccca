"""Write docs/config.md: every key of config.yaml, from its schema and its defaults.

python docs/write_config.py
"""

import json
from pathlib import Path

import yaml

from idsharp.study.check import read_schema

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "config.md"

INTRODUCTION = """\
# Configuration

`config.yaml` contains every setting of every study. Leave it as it is and write your own settings
into a second file, which overrides it:

    snakemake --configfile mine.yaml --config study=mine

```yaml
# mine.yaml
datasets:
  mine: {adapter: folder, path: /path/to/images, domain: radiology}
  chexpert: {path: /archive/CheXpert-v1.0-small}    # changes a dataset of config.yaml
tasks:
  mine: {dataset: mine}
studies:
  mine: {tasks: [mine, natural_pairs], models: [resnet18], n_train: [500, 1000]}
  another: {like: paper, tasks: [mine]}             # with the settings of the study `paper`
  deeper: {like: mine, models: [resnet50]}          # with its tasks, too
```

* You may change settings of a study, dataset or task of `config.yaml`. A second definition under
  its name (a study with `tasks`, a dataset with an `adapter`, a task with a `dataset`) is refused,
  because the two would be mixed.
* An invalid setting stops Snakemake before anything runs, with a message that gives the key, what
  was found and what is allowed. If Snakemake says only that a file is not valid YAML,
  `python scripts/data_status.py --configfile mine.yaml` names the line.
* [reruns.md](reruns.md) says what runs again after a change.

This page is generated from `rules/config.schema.yaml` by `python docs/write_config.py`.
"""


def page() -> str:
    """The page as Markdown."""
    schema = read_schema()
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    definitions = schema["$defs"]
    study = schema["properties"]["studies"]["additionalProperties"]["properties"]
    own = {key: study[key] for key in study if key not in config["defaults"]}
    settings = {key: study[key] for key in study if key in config["defaults"]}
    dataset, task = definitions["dataset"], definitions["task"]
    parts = [
        INTRODUCTION,
        "## At the top\n",
        table(schema["properties"], definitions),
        "## A study\n",
        table({key: each for key, each in own.items() if "deprecated" not in each}, definitions),
        "Any of these settings, too; `defaults` has the same keys, for all studies:\n",
        table(settings, definitions, config["defaults"]),
        "## A task\n",
        table(task["properties"], definitions, required=["dataset"]),
        "## A dataset\n",
        table(dataset["properties"], definitions, required=dataset["required"]),
        "And the options of its adapter; those of another adapter are refused.\n",
        options(definitions),
        "## A model\n",
    ]
    hyperparameters = definitions["hyperparameters"]
    parts += [table(hyperparameters["properties"], definitions, None, hyperparameters["required"])]
    return "\n".join(parts)


def table(keys: dict, definitions: dict, defaults: dict | None = None, required=()) -> str:
    """Rows of keys: what each is, what is allowed, and its default."""
    with_default = defaults is not None
    lines = ["| key | what | allowed |" + (" default |" if with_default else "")]
    lines += ["|---|---|---|" + ("---|" if with_default else "")]
    for key, setting in keys.items():
        cells = [f"`{key}`", setting["title"], allowed(setting, definitions)]
        cells[1] += " (required)" if key in required else ""
        if with_default:
            cells += [f"`{json.dumps(defaults[key], ensure_ascii=False)}`".replace('"', "")]
        lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"]
    return "\n".join([*lines, ""])


def options(definitions: dict) -> str:
    """A table of the options of all adapters."""
    lines = ["| adapter | option | what | allowed |", "|---|---|---|---|"]
    for name, adapter in definitions["adapters"].items():
        rows = table(adapter["properties"], definitions, None, adapter.get("required", []))
        lines += [f"| {name} {row}" for row in rows.splitlines()[2:]]
    return "\n".join([*lines, ""])


def allowed(setting: dict, definitions: dict) -> str:
    """What may be written."""
    if "$ref" in setting:
        setting = definitions[setting["$ref"].rpartition("/")[2]] | setting
    if "enum" in setting:
        return ", ".join(f"`{value}`" for value in setting["enum"])
    same = setting["description"].lower() == setting["title"].lower()
    return "" if same else setting["description"]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
