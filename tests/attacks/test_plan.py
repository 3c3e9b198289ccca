"""The registry of attacks, and plans made from the settings of a study."""

from dataclasses import fields

import pytest
import yaml

from idsharp.attacks.base import AttackError
from idsharp.attacks.fgsm import FGSM
from idsharp.attacks.pgd import PGD
from idsharp.attacks.plan import ATTACKS, AttackPlan, attack_plan, settings_of
from tests.conftest import ROOT


def test_a_plan_takes_what_a_study_says_and_defaults_otherwise():
    settings = {"pgd_steps": 7, "pgd_restarts": 3, "epochs": 5}
    assert attack_plan(["pgd", "fgsm"], [1, 2], settings) == AttackPlan(
        (PGD(steps=7, step_size=2.5, restarts=3), FGSM()), (1, 2)
    )
    plan = attack_plan(["fgsm", "pgd"], [1, 2], {})
    assert plan.conditions == [("fgsm", 1), ("fgsm", 2), ("pgd", 1), ("pgd", 2)]
    assert plan.pairs[2] == (PGD(), 1)


def test_unknown_attacks_and_settings_out_of_range_are_refused():
    with pytest.raises(AttackError, match=r"unknown attack 'cw'; there are: fgsm, pgd"):
        attack_plan(["fgsm", "cw"], [1], {})
    for setting in ("steps", "step_size", "restarts"):
        with pytest.raises(AttackError, match=rf"at least 1, found PGD\(.*{setting}=0"):
            PGD(**{setting: 0})


def test_the_schema_of_the_config_knows_these_attacks_and_their_settings():
    schema = yaml.safe_load((ROOT / "rules" / "config.schema.yaml").read_text(encoding="utf-8"))
    settings = schema["properties"]["defaults"]["properties"]
    *_, named = settings["attacks"]["items"]["allOf"]
    assert named["enum"] == list(ATTACKS)
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    for attack in ATTACKS.values():
        for key, setting in settings_of(attack).items():
            assert key in settings
            assert config["defaults"][key] == setting.default


def test_the_cost_of_pgd_is_that_of_its_passes():
    """A gradient counts as three forward passes, and every restart is judged by one more."""
    assert FGSM().cost == 1
    assert PGD(steps=20, restarts=1).cost == 61
    assert PGD(steps=5, restarts=4).cost == 64


def test_settings_are_named_after_their_attack():
    for name, attack in ATTACKS.items():
        assert list(settings_of(attack)) == [f"{name}_{field.name}" for field in fields(attack)]
        assert all(setting.metadata["help"] for setting in settings_of(attack).values())
