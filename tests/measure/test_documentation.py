"""The commands of the documentation: their options are known, and they print what stands there."""

import re
import shlex

import pytest

from idsharp.measure.cli import _parser, main
from tests.conftest import ROOT

PAGES = [*sorted(ROOT.glob("docs/*.md")), ROOT / "README.md"]
PAGE = (ROOT / "docs" / "measure.md").read_text(encoding="utf-8")
#: The command and what it prints, of each example.
EXAMPLES = re.findall(r"```console\n\$ idsharp ([^\n]*)\n(.*?)```", PAGE, re.DOTALL)
#: Names of the documentation, and where they lie among the real images.
REAL = {"cifar10.npz": "cifar10_subset.npz", "brain_tumor_mri": "brain_tumor_mri"}
# Stands for what is left out at the end.
CUT = "[…]\n"


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_every_command_is_one(page):
    commands = re.findall(r"^(?:\$ )?idsharp (measure .*)$", page.read_text("utf-8"), re.MULTILINE)
    for command in commands:
        _parser().parse_args(shlex.split(command, comments=True))
    assert commands or page.name != "measure.md"


def test_every_option_is_on_the_page_or_in_the_help():
    assert len(EXAMPLES) == 2
    known = _parser().format_help() + _help_of_measure()
    for option in set(re.findall(r"`(--[a-z-]+)", PAGE)):
        assert option in known, option


def _help_of_measure():
    (commands,) = (a for a in _parser()._actions if a.dest == "command")
    return commands.choices["measure"].format_help()


@pytest.mark.nightly
@pytest.mark.parametrize(("command", "printed"), EXAMPLES, ids=[e[0] for e in EXAMPLES])
def test_examples_print_what_the_page_shows(
    real_data, tmp_path, monkeypatch, capsys, command, printed
):
    for name, real in REAL.items():
        (tmp_path / name).symlink_to(real_data / real)
    monkeypatch.chdir(tmp_path)
    main(shlex.split(command))
    found = capsys.readouterr().out
    if printed.endswith(CUT):
        assert found.startswith(printed.removesuffix(CUT))
    else:
        assert found == printed
