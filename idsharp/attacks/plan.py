"""Which attacks there are, and which of them a study runs at which bounds.

A new attack is a file beside `fgsm.py` and an entry in ATTACKS; its name goes into the schema of
config.yaml, with its settings if it has any.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields

from idsharp.attacks.base import Attack, AttackError
from idsharp.attacks.fgsm import FGSM
from idsharp.attacks.pgd import PGD

#: Every attack by the name that config.yaml and the results give it.
ATTACKS: dict[str, type[Attack]] = {attack.name: attack for attack in (FGSM, PGD)}


@dataclass(frozen=True)
class AttackPlan:
    """Attacks, and their bounds in steps of 1/255."""

    attacks: tuple[Attack, ...]
    epsilons: tuple[int, ...]

    @property
    def pairs(self) -> list[tuple[Attack, int]]:
        """Every attack at every ε, attack by attack."""
        return [(attack, epsilon) for attack in self.attacks for epsilon in self.epsilons]

    @property
    def conditions(self) -> list[tuple[str, int]]:
        """The same with the names of the attacks."""
        return [(attack.name, epsilon) for attack, epsilon in self.pairs]


def attack_plan(names: Iterable[str], epsilons: Iterable[int], settings: dict) -> AttackPlan:
    """A plan from the names of attacks and the settings of a study, such as {"pgd_steps": 20}.

    Settings that are left out have their defaults; those of other attacks are ignored.

    Raises:
        AttackError: an unknown attack, or a setting out of range.
    """
    attacks = []
    for name in names:
        if name not in ATTACKS:
            raise AttackError(f"unknown attack {name!r}; there are: {', '.join(ATTACKS)}")
        values = {
            setting.name: settings[key]
            for key, setting in settings_of(ATTACKS[name]).items()
            if key in settings
        }
        attacks.append(ATTACKS[name](**values))
    return AttackPlan(tuple(attacks), tuple(epsilons))


def settings_of(attack: type[Attack] | Attack) -> dict:
    """The dataclass field of each setting, by its name in config.yaml, such as pgd_steps."""
    # Every attack is a dataclass, which its base cannot say.
    settings = fields(attack)  # type: ignore[arg-type]
    return {f"{attack.name}_{setting.name}": setting for setting in settings}
