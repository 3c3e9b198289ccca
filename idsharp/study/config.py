"""The settings of the chosen study, of its tasks and of its datasets.

Needs neither torch nor Snakemake: the Snakefile is parsed again in every cluster job.
"""

#: Settings of the study that are passed to adapters, which fetch only what it needs.
_STUDY_SETTINGS = {
    "medmnist": ["image_size"],
    "duke_breast": ["pool_size"],
    "prostate": ["pool_size"],
}

#: Settings of a dataset that describe its role in a study, not how it is read.
_NOT_FOR_ADAPTERS = ("domain", "collection", "note", "channels")

#: Settings that define a study, rather than its method; `like` does not pass them on.
_NOT_INHERITED = ("measured", "title", "note")

#: Settings that change no result.
_RESOURCES = ("threads", "reading_processes", "jobs_per_gpu")


class ConfigError(ValueError):
    """A setting is invalid; the message names its key and says what is allowed."""


def study_settings(config: dict) -> dict:
    """All settings of the chosen study, and its name, title and note."""
    name = config["study"]
    return {"name": name, "title": name, "note": ""} | settings_of(config, name)


def settings_of(config: dict, name: str) -> dict:
    """All settings of a study: its own, those of the study that it is `like`, and defaults.

    Tasks are those of the other study, too, where it names none.
    """
    own = config["studies"][name]
    like = config["studies"][own["like"]] if "like" in own else {}
    inherited = {key: like[key] for key in like if key not in _NOT_INHERITED}
    return config["defaults"] | inherited | own


def result_settings(study: dict) -> dict:
    """The settings of a study that determine its results, without those that affect only speed."""
    return {key: value for key, value in study.items() if key not in _RESOURCES}


def number_of_classes(task: dict) -> int | None:
    """Number of classes of a task; None if every label of the dataset is a class."""
    classes = task.get("classes")
    return classes["draw"] if isinstance(classes, dict) else len(classes or []) or None


def channels_of(task: str, config: dict, study: dict) -> int:
    """Channels of a task's images: the study's setting or, if that is "own", the dataset's."""
    if study["channels"] != "own":
        return study["channels"]
    return config["datasets"][config["tasks"][task]["dataset"]].get("channels", 1)


def collection_of(config: dict, dataset: str) -> str:
    """The collection that a dataset's images belong to, by default the dataset itself.

    The regressions treat a collection as one unit of evidence.
    """
    return config["datasets"][dataset].get("collection", dataset)


def stands_in_for(config: dict, task: str, trained: list[str], measured: list[str]) -> str:
    """The task of the same images in whose place a study has another; "" where it has no such task.

    Without it, the study's own task is the evidence on these images.
    """
    other = config["tasks"][task].get("instead_of", "")
    return other if other in trained or (task in measured and other in measured) else ""


def adapter_settings(config: dict, study: dict, dataset: str) -> dict:
    """The settings passed to an adapter: how a dataset is found and read."""
    settings = config["datasets"][dataset]
    told = {key: settings[key] for key in settings if key not in _NOT_FOR_ADAPTERS}
    told |= {key: study[key] for key in _STUDY_SETTINGS.get(settings["adapter"], [])}
    return told | ({"mirror": config["mirror"]} if "mirror" in config else {})


def hyperparameters(config: dict, model: str, dataset: str) -> dict:
    """Learning rate, batch size and input scale of a model on a dataset.

    A model without an entry uses that of `other`; one without an input scale uses the study's.
    """
    settings = config["models"].get(model, config["models"]["other"])
    chosen = {"input_scale": study_settings(config)["input_scale"]} | settings
    chosen |= settings.get("by_dataset", {}).get(dataset, {})
    return {name: chosen[name] for name in ("learning_rate", "batch_size", "input_scale")}


def merged(config: dict, more: dict) -> dict:
    """A configuration overridden by the settings of a second file, merged as Snakemake does."""
    both = dict(config)
    for key, value in more.items():
        nested = isinstance(value, dict) and isinstance(both.get(key), dict)
        both[key] = merged(both[key], value) if nested else value
    return both
