"""Draws of classes, groups of tasks and former names are written out before anything else."""

import copy
import itertools

import pytest

from idsharp.study.check import check_config
from idsharp.study.config import settings_of
from idsharp.study.files import read_config


@pytest.fixture(scope="module")
def config(root):
    return read_config(root / "config.yaml", [])


def test_draws_become_tasks_with_their_numbers(config):
    tasks = check_config(config)["tasks"]
    assert "mnist_pair" not in tasks
    for number in range(1, 6):
        classes = {"draw": 2, "number": number, "at_least": 1250}
        assert tasks[f"mnist_pair{number}"] == {"dataset": "mnist", "classes": classes}
        # Jobs are compared by this text, too.
        assert list(tasks[f"mnist_pair{number}"]["classes"]) == ["draw", "number", "at_least"]


def test_one_draw_may_have_settings_of_its_own(config):
    mine = copy.deepcopy(config)
    mine["tasks"]["mnist_pair2"] = {"split": "image", "classes": {"draw": 2, "at_least": 7}}
    tasks = check_config(mine)["tasks"]
    classes = {"draw": 2, "number": 2, "at_least": 7}
    assert tasks["mnist_pair2"] == {"dataset": "mnist", "classes": classes, "split": "image"}
    assert tasks["mnist_pair3"]["classes"]["at_least"] == 1250


def test_groups_and_common_names_stand_for_their_tasks_in_order_and_once(config):
    mine = copy.deepcopy(config)
    mine["task_groups"]["mine"] = ["svhn_pair", "photos"]
    mine["studies"]["mine"] = {"tasks": ["svhn_pair2", "mine"], "measured": ["all_classes"]}
    study = settings_of(check_config(mine), "mine")
    assert study["tasks"] == [
        "svhn_pair2", "svhn_pair1", "svhn_pair3", "svhn_pair4", "svhn_pair5", "photos",
    ]  # fmt: skip
    assert study["measured"] == config["task_groups"]["all_classes"]


def test_the_papers_have_their_tasks(config):
    resolved = check_config(config)
    counts = {
        name: (
            len(settings_of(resolved, name)["tasks"]),
            len(settings_of(resolved, name)["measured"]),
        )
        for name in ("miccai2022", "iclr2024", "paper")
    }
    assert counts == {"miccai2022": (14, 7), "iclr2024": (27, 0), "paper": (30, 7)}


def test_what_the_papers_studies_have_in_common(config):
    """The numbers of docs/studies.md, for which studies share no store of results."""
    resolved = check_config(config)
    trainings, images = {}, {}
    for name in ("miccai2022", "iclr2024", "paper"):
        study = settings_of(resolved, name)
        axes = (study[axis] for axis in ("tasks", "models", "n_train", "seeds"))
        trainings[name] = set(itertools.product(*axes))
        images[name] = {*study["tasks"], *study["measured"]}
    for sets, numbers in ((trainings, [882, 972, 1890, 396]), (images, [21, 27, 37, 11])):
        first, second, both = sets.values()
        assert [len(first), len(second), len(both), len(first & second)] == numbers
        assert first | second <= both


@pytest.mark.parametrize("place", ["defaults", "studies.demo"])
def test_the_former_name_of_a_setting_is_accepted(config, place):
    mine = copy.deepcopy(config)
    target = mine["defaults"] if place == "defaults" else mine["studies"]["demo"]
    target["reading_threads"] = 3
    study = settings_of(check_config(mine), "demo")
    assert study["reading_processes"] == 3
    assert "reading_threads" not in study


def test_the_given_configuration_stays_as_it_is(config):
    before = copy.deepcopy(config)
    check_config(config)
    assert config == before
