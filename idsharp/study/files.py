"""Read configuration files: YAML without surprises, and without redefining shipped entries."""

import json
from collections.abc import Iterator
from pathlib import Path

import yaml

from idsharp.study.config import ConfigError, merged

#: The key that makes an entry a new definition instead of a change to the shipped one.
_DEFINES = {"datasets": "adapter", "tasks": "dataset", "studies": "tasks"}


def read_config(shipped: Path, more: list[Path]) -> dict:
    """The shipped config.yaml, overridden by the settings of further files.

    Raises:
        ConfigError: see `check_files`.
    """
    check_files(shipped, more)
    config = read_settings(shipped)
    for file in more:
        config = merged(config, read_settings(file))
    return config


def read_settings(file: Path) -> dict:
    """The settings of a YAML (or JSON) file.

    Raises:
        ConfigError: no such file, invalid YAML, or a repeated key, with file and line.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {error}") from error
    try:
        if file.suffix == ".json":
            settings = json.loads(text)
        else:
            node = yaml.compose(text, yaml.CSafeLoader)
            _refuse_repeated_keys(file, node)
            settings = yaml.load(text, yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError(
            f"{file}, line {mark.line + 1}, column {mark.column + 1}: not valid YAML: "
            f"{error.problem}"
        ) from error
    except (ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{file}: not valid YAML or JSON: {error}") from error
    if not isinstance(settings, dict):
        raise ConfigError(f"{file} contains no settings; write unindented keys such as `studies:`")
    return settings


def check_files(shipped: Path, more: list[Path]) -> None:
    """Check the user's configuration files for mistakes that Snakemake accepts silently.

    Of two settings with the same name, Snakemake uses the last; two studies with the same name are
    mixed.

    Raises:
        ConfigError: as `read_settings` and `check_names`.
    """
    ours = read_settings(shipped)
    for file in more:
        check_names(read_settings(file), ours, file)


def check_names(settings: dict, shipped: dict, file: Path) -> None:
    """Check that a file does not redefine an entry of config.yaml.

    Configuration files are merged, so that settings missing from the new definition would silently
    come from the old one.

    Raises:
        ConfigError: it does.
    """
    for section, key in _DEFINES.items():
        for name, entry in _entries(settings, section):
            known = name in shipped.get(section, {})
            if known and isinstance(entry, dict) and key in entry:
                raise ConfigError(
                    f"{section}.{name} in {file} has `{key}`, so it defines what config.yaml "
                    f"defines already; choose another name, or leave out `{key}` to change "
                    "settings of the one in config.yaml" + _hint(section, name)
                )
    for name, _ in _entries(settings, "task_groups"):
        if name in shipped.get("task_groups", {}):
            raise ConfigError(
                f"task_groups.{name} in {file} would change every study of config.yaml that names "
                "this group; choose another name"
            )


def _entries(settings: dict, section: str) -> list[tuple]:
    entries = settings.get(section)
    return list(entries.items()) if isinstance(entries, dict) else []


def _hint(section: str, name: str) -> str:
    if section != "studies":
        return ""
    return f"; for a study of other tasks with its settings, write `like: {name}`"


def _refuse_repeated_keys(file: Path, node: yaml.Node | None) -> None:
    for (first, second), path in _repeated_keys(node, ()):
        key = ".".join((*path, second.value))
        raise ConfigError(
            f"{file}, line {second.start_mark.line + 1}: {key} is already on line "
            f"{first.start_mark.line + 1}, and only one of the two would count; delete one"
        )


def _repeated_keys(node: yaml.Node | None, path: tuple) -> Iterator[tuple[tuple, tuple]]:
    """Pairs of nodes of keys that a mapping repeats, with the keys above the mapping."""
    if isinstance(node, yaml.SequenceNode):
        for part in node.value:
            yield from _repeated_keys(part, path)
    if not isinstance(node, yaml.MappingNode):
        return
    first: dict[tuple, yaml.Node] = {}
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode):
            seen = first.setdefault((key.tag, key.value), key)
            if seen is not key:
                yield (seen, key), path
        yield from _repeated_keys(value, (*path, str(key.value)))
