"""Names and output that any terminal, file or picture can show."""

import codecs
from typing import TextIO

# What an ASCII or cp1252 terminal shows for characters of our tables; others become "?".
_PLAIN = {
    "−": "-", "÷": "/", "×": "x", "±": "+-", "→": "->", "·": ".", "…": "...", "≤": "<=",
    "–": "-", "²": "^2", "√": "sqrt", "Δ": "d", "‖": "|", "⁻": "^-", "⁴": "4", "₂": "_2",
}  # fmt: skip

_HANDLER = "idsharp.plain"


def printable(name: str) -> str:
    """A name on one line: bytes that are no UTF-8 and control characters become visible.

    >>> printable("a\\nb"), printable("caf\\udce9")
    ('a\\\\nb', 'caf\\\\xe9')
    """
    shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if shown.isprintable():
        return shown
    return "".join(
        character if character.isprintable() else repr(character)[1:-1] for character in shown
    )


def show_everything(stream: TextIO) -> None:
    """Let a stream of any encoding take any text: what it lacks is spelled otherwise."""
    codecs.register_error(_HANDLER, _spelled)
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors=_HANDLER)


def _spelled(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_PLAIN.get(character, "?") for character in lacking), error.end
