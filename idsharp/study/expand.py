"""Expand what config.yaml abbreviates: draws of classes, groups of tasks, former keys."""

from idsharp.study.config import ConfigError, merged
from idsharp.study.messages import unknown

#: Former names of settings, which are still accepted, and their current ones.
FORMER_NAMES = {"reading_threads": "reading_processes"}


def written_out(config: dict) -> dict:
    """The configuration with draws as tasks, groups replaced by their tasks, and current names.

    Raises:
        ConfigError: a name stands for two things, or a group names a task that does not exist.
    """
    tasks, families = _tasks_of_draws(config["tasks"])
    groups = config.get("task_groups", {})
    for name in groups:
        if name in config["tasks"] or name in tasks:
            raise ConfigError(f"task_groups.{name} has the same name as a task; rename the group")
    named = {name: [name] for name in tasks} | families
    named |= {name: _members(f"task_groups.{name}", groups[name], named) for name in groups}
    studies = {
        name: _present_names(study, f"studies.{name}")
        | {
            key: _members(f"studies.{name}.{key}", study[key], named)
            for key in ("tasks", "measured")
            if key in study
        }
        for name, study in config["studies"].items()
    }
    defaults = _present_names(config["defaults"])
    defaults["measured"] = _members("defaults.measured", defaults["measured"], named)
    return config | {"tasks": tasks, "studies": studies, "defaults": defaults}


def _tasks_of_draws(tasks: dict) -> tuple[dict, dict[str, list[str]]]:
    """Every task, including those of draws, and for each common name the tasks of its draws.

    NAME with `draws: 5` stands for NAME1 to NAME5. A separate entry, such as NAME3, changes
    settings of one of them.
    """
    families = {
        name: [f"{name}{number}" for number in range(1, task["draws"] + 1)]
        for name, task in tasks.items()
        if "draws" in task
    }
    made: dict[str, dict] = {}
    for name, members in families.items():
        common = {key: value for key, value in tasks[name].items() if key != "draws"}
        for number, member in enumerate(members, 1):
            if member in made or member in families:
                raise ConfigError(f"tasks.{name}: draw {member} has the same name as another task")
            made[member] = common | {"classes": _draw(f"tasks.{name}", tasks[name], number)}
    everything: dict[str, dict] = {}
    for name, task in tasks.items():
        for member in families.get(name, [name]):
            own = {} if name in families else task
            everything[member] = merged(everything.get(member, made.get(member, {})), own)
    return everything, families


def _draw(key: str, task: dict, number: int) -> dict:
    classes = task.get("classes")
    if not isinstance(classes, dict) or "number" in classes:
        raise ConfigError(
            f"{key} has draws, so its classes must be a draw without a number, such as "
            "{draw: 2, at_least: 1250}"
        )
    return {"draw": classes["draw"], "number": number, "at_least": classes["at_least"]}


def _members(key: str, names: list[str], named: dict[str, list[str]]) -> list[str]:
    """The tasks that these names of tasks, draws and groups stand for, each once, in order."""
    for name in names:
        if name not in named:
            raise ConfigError(unknown(key, name, named))
    return list(dict.fromkeys(task for name in names for task in named[name]))


def _present_names(settings: dict, key: str | None = None) -> dict:
    """Settings under their current names.

    If the defaults have both names, the current one comes from config.yaml and the former one from
    the user's own file, so the former one wins.
    """
    renamed = {name: value for name, value in settings.items() if name not in FORMER_NAMES}
    for former, present in FORMER_NAMES.items():
        if key is not None and former in settings and present in settings:
            raise ConfigError(f"{key}.{former} is the former name of {present}; delete it")
        if former in settings:
            renamed[present] = settings[former]
    return renamed
