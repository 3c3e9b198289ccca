"""Messages about invalid settings: which key, what was found, and what is allowed."""

import difflib
from collections.abc import Iterable

from jsonschema.exceptions import ValidationError


def unknown(key: str, value: str, known: Iterable[str]) -> str:
    """Message: a key names something that does not exist."""
    names = list(known)
    return (
        f"{key} names {value!r}, which does not exist{_suggestion(value, names)}; choose one of: "
        + ", ".join(names)
    )


def explain(error: ValidationError, schema: dict) -> str:
    """Message: a value that the schema does not allow."""
    key = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path)
    key = key.removeprefix(".") or "config"
    if error.validator == "additionalProperties":
        return _unknown_key(key, error.instance, sorted(error.schema["properties"]))
    if error.validator == "unevaluatedProperties":
        return _foreign_option(key, error, schema["$defs"]["adapters"])
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return f"{key} lacks {' and '.join(missing)}"
    allowed = error.schema.get("description", error.message)
    text = f"{key} is {error.instance!r}; allowed: {allowed}"
    if error.validator == "enum":
        values = [str(value) for value in error.validator_value]
        text += f" — {', '.join(values)}" + _suggestion(str(error.instance), values)
    if isinstance(error.instance, float) and error.instance.is_integer():
        text += f" (write {error.instance:.0f})"
    return text


def _unknown_key(key: str, found: dict, allowed: list[str]) -> str:
    unknown_keys = sorted(str(name) for name in set(found) - set(allowed))
    return (
        f"{key} has an unknown key {unknown_keys[0]!r}{_suggestion(unknown_keys[0], allowed)}; "
        f"allowed: {', '.join(allowed)}"
    )


def is_meant(error: ValidationError, schema: dict) -> bool:
    """Whether to report an error: one wrong option also makes the other ones "unevaluated"."""
    if error.validator != "unevaluatedProperties":
        return True
    adapters, adapter = schema["$defs"]["adapters"], error.instance.get("adapter")
    known = isinstance(adapter, str) and adapter in adapters
    return known and bool(_foreign_options(error, adapters))


def _foreign_options(error: ValidationError, adapters: dict) -> list[str]:
    return sorted(str(name) for name in set(error.instance) - set(_options(error, adapters)))


def _options(error: ValidationError, adapters: dict) -> list[str]:
    """The options that a dataset with this adapter may have."""
    own = adapters[error.instance["adapter"]]["properties"]
    return sorted([*error.schema["properties"], *own])


def _foreign_option(key: str, error: ValidationError, adapters: dict) -> str:
    """Message: an option that the dataset's adapter lacks, unknown or another adapter's."""
    foreign, allowed = _foreign_options(error, adapters)[0], _options(error, adapters)
    owners = [name for name, options in adapters.items() if foreign in options["properties"]]
    if not owners:
        return _unknown_key(key, error.instance, allowed)
    return (
        f"{key} has the option {foreign!r}, which adapter {error.instance['adapter']} does not "
        f"have (it belongs to {', '.join(owners)}); allowed: {', '.join(allowed)}"
    )


def _suggestion(wrong: str, allowed: list[str]) -> str:
    near = difflib.get_close_matches(wrong, allowed, n=1)
    return f" (did you mean {near[0]}?)" if near else ""
