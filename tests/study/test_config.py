"""config.yaml: valid settings pass; a wrong one is named, with what is allowed."""

import copy

import pytest

from idsharp.study.check import check_config
from idsharp.study.config import (
    ConfigError,
    adapter_settings,
    collection_of,
    hyperparameters,
    settings_of,
    stands_in_for,
    study_settings,
)
from idsharp.study.files import read_config


@pytest.fixture(scope="module")
def config(root):
    return read_config(root / "config.yaml", [])


def test_the_projects_own_config_is_right(config):
    for study in config["studies"]:
        check_config(config | {"study": study})


def test_a_study_takes_what_it_does_not_say_from_the_defaults(config):
    settings = study_settings(config | {"study": "demo"})
    assert settings["image_size"] == config["studies"]["demo"]["image_size"]
    assert settings["weight_decay"] == config["defaults"]["weight_decay"]
    assert settings["name"] == "demo"


def test_collections_are_named_or_are_the_dataset_itself(config):
    assert collection_of(config, "demo_brain_subtle") == "demo_brain"
    assert collection_of(config, "demo_brain_obvious") == "demo_brain"
    assert collection_of(config, "chexpert") == "chexpert"
    assert "collection" not in adapter_settings(config, {}, "demo_brain_subtle")


def test_a_task_stands_in_for_another_only_where_the_study_has_both(config):
    def replaced(task, trained, measured=()):
        return stands_in_for(config, task, list(trained), list(measured))

    assert replaced("rsna_subarachnoid", ["rsna", "rsna_subarachnoid"]) == "rsna"
    assert replaced("rsna_subarachnoid", ["mura", "rsna_subarachnoid"]) == ""
    # A task that is only measured has no network to be replaced.
    assert replaced("rsna_subarachnoid", ["rsna_subarachnoid"], ["rsna"]) == ""
    assert replaced("rsna_subarachnoid", [], ["rsna", "rsna_subarachnoid"]) == "rsna"
    assert replaced("rsna", ["rsna", "rsna_subarachnoid"]) == ""


def test_a_study_like_another_has_its_settings_and_not_its_tasks(config):
    mine = copy.deepcopy(config)
    mine["studies"]["mine"] = {"like": "paper", "tasks": ["photos"], "epochs": 3}
    settings = settings_of(check_config(mine), "mine")
    assert settings["models"] == config["studies"]["paper"]["models"]
    assert (settings["epochs"], settings["tasks"], settings["measured"]) == (3, ["photos"], [])
    assert "title" not in settings


def test_a_study_like_another_takes_its_tasks_if_it_names_none(config):
    mine = copy.deepcopy(config)
    paper = mine["studies"]["paper"]
    paper["measured"] = ["photos"]
    mine["studies"]["mine"] = {"like": "paper", "models": ["resnet18"]}
    checked = check_config(mine)
    settings, original = settings_of(checked, "mine"), settings_of(checked, "paper")
    assert len(settings["tasks"]) > 3
    differ = {key for key in original if settings.get(key) != original[key]}
    assert differ == {"models", "measured"} | {"title", "note"} & set(paper)
    assert settings["measured"] == []


def test_a_users_study_takes_three_lines(config):
    mine = copy.deepcopy(config) | {"study": "mine"}
    mine["datasets"]["mine"] = {"adapter": "folder", "path": "/images", "domain": "radiology"}
    mine["tasks"]["mine"] = {"dataset": "mine"}
    mine["studies"]["mine"] = {"tasks": ["mine"]}
    check_config(mine)


def test_hyperparameters_are_of_the_model_and_where_it_says_so_of_the_dataset(config):
    on_svhn = {"learning_rate": 1.0e-6, "batch_size": 6, "input_scale": 255}
    for vgg in ("vgg13", "vgg16", "vgg19"):
        assert hyperparameters(config, vgg, "svhn") == on_svhn
    changed = copy.deepcopy(config)
    vgg = changed["models"]["vgg13"] | {"by_dataset": {"demo_digits": {"learning_rate": 1.0e-6}}}
    changed["models"]["vgg13"] = vgg
    check_config(changed)
    assert hyperparameters(changed, "vgg13", "demo_photos") == {
        "learning_rate": 1.0e-4,
        "batch_size": 6,
        "input_scale": 255,
    }
    on_digits = {"learning_rate": 1.0e-6, "batch_size": 6, "input_scale": 255}
    assert hyperparameters(changed, "vgg13", "demo_digits") == on_digits
    # A model without an entry.
    changed["studies"]["demo"]["models"] = ["convnext_tiny"]
    check_config(changed)
    other = changed["models"]["other"] | {"input_scale": 255}
    assert hyperparameters(changed, "convnext_tiny", "demo_digits") == other


def test_a_model_may_have_an_input_scale_of_its_own(config):
    squeezenet = config["models"]["squeezenet1_1"] | {"input_scale": 1}
    squeezenet["by_dataset"] = {"demo_photos": {"input_scale": 2}}
    changed = config | {"models": config["models"] | {"squeezenet1_1": squeezenet}}
    changed["defaults"] = config["defaults"] | {"input_scale": 100}
    check_config(changed)
    for model, dataset, scale in (
        ("squeezenet1_1", "demo_digits", 1),
        ("squeezenet1_1", "demo_photos", 2),
        ("resnet18", "demo_digits", 100),
    ):
        assert hyperparameters(changed, model, dataset)["input_scale"] == scale


WRONG = {
    "study: dmo": (r"study names 'dmo'.*did you mean demo\?.*choose one of: demo", "study", "dmo"),
    "unknown key": (
        r"studies.demo has an unknown key 'epoch' \(did you mean epochs\?\); allowed: attacks",
        "studies.demo.epoch", 3,
    ),
    "type": (r"studies.demo.epochs is 'x'; allowed: a whole number of epochs",
             "studies.demo.epochs", "x"),
    "model": (r"studies.demo.models: unknown model 'resnet19' \(did you mean resnet18\?\)",
              "studies.demo.models", ["resnet19"]),
    "models": (r"models: unknown model 'resnet19'",
               "models.resnet19", {"learning_rate": 1.0e-3, "batch_size": 6}),
    "model's image": (r"studies.demo.models: inception_v3 needs images of at least 75×75",
                      "studies.demo.models", ["resnet18", "inception_v3"]),
    "hyperparameters": (r"models lacks other", "models.other", None),
    "by dataset": (r"models.vgg13.by_dataset names 'demo_digit'.*did you mean demo_digits",
                   "models.vgg13.by_dataset", {"demo_digit": {"learning_rate": 1.0e-6}}),
    "by dataset, empty": (r"models.vgg13.by_dataset.photos is {}.*any of learning_rate, "
                          "batch_size and",
                          "models.vgg13.by_dataset", {"photos": {}}),
    "precision": (r"defaults.precision is 'half'; allowed: a number format — auto, float32",
                  "defaults.precision", "half"),
    "balance": (r"studies.demo.n_train is 101: task mnist_3v8 has 2 classes.*multiple of 2",
                "studies.demo.n_train", [101]),
    "pool": (r"studies.demo.pool_size is 500:.*at least 600", "studies.demo.pool_size", 500),
    "epsilon": (r"studies.demo.shown_epsilon is 3: write one of the epsilons",
                "studies.demo.shown_epsilon", 3),
    "attack": (r"studies.demo.attacks\[1\] is 'cw'; allowed: an attack — fgsm, pgd",
               "studies.demo.attacks", ["fgsm", "cw"]),
    "dlr": (r"studies.demo.attacks\[0\] is 'dlr'.*needs 3 classes, its targeted form 4.*write pgd",
            "studies.demo.attacks", ["dlr"]),
    "apgd-dlr": (r"attacks\[1\] is 'apgd-dlr'; allowed: fgsm or pgd. The DLR loss",
                 "studies.demo.attacks", ["fgsm", "apgd-dlr"]),
    "step": (r"pgd_step_size is 0.5; allowed: a number of at least 1.*end inside the bound",
             "studies.demo.pgd_step_size", 0.5),
    "blocks": (r"studies.blocks.models: the blocks of vit_b_16 have no names here.*penultimate",
               "studies.blocks", {"tasks": ["photos"], "models": ["vit_b_16"], "n_train": [100],
                                  "representation_layers": "blocks"}),
    "layers": (r"studies.demo.representation_layers is 'all'; allowed:.*penultimate or blocks",
               "studies.demo.representation_layers", "all"),
    "task": (r"studies.demo.tasks names 'photo'.*did you mean photos",
             "studies.demo.tasks", ["photo"]),
    "dataset": (r"tasks.photos.dataset names 'nowhere'", "tasks.photos.dataset", "nowhere"),
    "labels": (r"tasks.mnist_3v8.classes\[.\]\[0\] is .; allowed: a label, in quotes",
               "tasks.mnist_3v8.classes", [[3], [8]]),
    "adapter": (r"datasets.x.adapter is 'tape'; allowed:.*embedded, folder, .*npz, .*table",
                "datasets.x", {"adapter": "tape", "domain": "natural"}),
    "path": (r"datasets.x lacks path", "datasets.x", {"adapter": "dicom", "domain": "natural"}),
    "draw": (r"tasks.photos.classes lacks number", "tasks.photos.classes",
             {"draw": 2, "at_least": 5}),
    "draw of what": (r"tasks.photos.classes lacks at_least", "tasks.photos.classes",
                     {"draw": 2, "number": 5}),
    "drawn balance": (r"n_train is 100: task mnist_3v8 has 3 classes", "tasks.mnist_3v8.classes",
                      {"draw": 3, "at_least": 5, "number": 1}),
    "measured": (r"studies.demo.measured names photos, and so does studies.demo.tasks",
                 "studies.demo.measured", ["photos"]),
    "mirror": (r"mirror is 3; allowed: a folder, or an address", "mirror", 3),
    "npz": (r"a path, or a url and its checksum",
            "datasets.x", {"adapter": "npz", "domain": "natural", "url": "https://x.org/y.npz"}),
    "collection": (
                   r"mine.domain is 'radiology', but demo_digits, of the same collection 'mnist'",
                   "datasets.mine", {"adapter": "folder", "path": "x", "domain": "radiology",
                                     "collection": "mnist"}),
    "another adapter's option": (
        r"datasets.x has the option 'patient_pattern', which adapter table does not have \(it "
        r"belongs to folder\); allowed: adapter, allow_outside, channels, collection, domain, note",
        "datasets.x", {"adapter": "table", "path": "x.csv", "domain": "natural",
                       "patient_pattern": "(P.)"}),
    "no adapter's option": (r"datasets.mnist has an unknown key 'sauce' \(did you mean source\?\)",
                            "datasets.mnist.sauce", "MNIST"),
    "option's value": (r"datasets.oai.crop is 'whole'; allowed: joint or half — joint, half",
                       "datasets.oai.crop", "whole"),
    "newline in a name": (r"is 'mine\\n'; allowed: a name of letters",
                          "datasets.mine\n", {"adapter": "imagenet", "domain": "natural"}),
    "newline in a title": (r"studies.demo.title is 'a\\nb'; allowed: a line of text",
                           "studies.demo.title", "a\nb"),
    "float": (r"studies.demo.epochs is 50.0; allowed: a whole number of epochs \(write 50\)",
              "studies.demo.epochs", 50.0),
    "float in a list": (r"n_train\[0\] is 100.0; allowed: a whole number of images of at least 4",
                        "studies.demo.n_train", [100.0]),
    "float of a choice": (r"studies.demo.channels is 1.0;.*\(write 1\)",
                          "studies.demo.channels", 1.0),
    "truth": (r"studies.demo.epochs is True; allowed: a whole number", "studies.demo.epochs", True),
    "nan": (r"studies.demo.weight_decay is nan; write a finite number",
            "studies.demo.weight_decay", float("nan")),
    "inf": (r"models.vgg13.learning_rate is inf; write a finite number",
            "models.vgg13.learning_rate", float("inf")),
    "huge": (r"studies.demo.weight_decay is 1e\+30; allowed: a number from 0 to 10",
             "studies.demo.weight_decay", 1e30),
    "huge integer": (r"image_size is 1000000; allowed: a whole number of pixels from 32 to 4096",
                     "studies.demo.image_size", 10**6),
    "one class": (r"studies.demo.tasks names photos, which has only one class",
                  "tasks.photos.classes", [["china"]]),
    "overlapping classes": (r"tasks.mnist_3v8.classes names the label '3' twice",
                            "tasks.mnist_3v8.classes", [["3"], ["8", "3"]]),
    "pattern": (r"datasets.oai_mendeley.patient_pattern is '\(\\\\d', which is not a regular expr",
                "datasets.oai_mendeley.patient_pattern", r"(\d"),
    "instead of itself": (r"tasks.mura.instead_of is 'mura', the task itself",
                          "tasks.mura.instead_of", "mura"),
    "instead of a stand-in": (r"tasks.mura.instead_of is 'chexpert_edema', itself another task's",
                              "tasks.mura.instead_of", "chexpert_edema"),
    "instead of nothing": (r"tasks.mura.instead_of names 'muta', which does not exist \(did you me",
                           "tasks.mura.instead_of", "muta"),
    "http": (r"datasets.x.url begins with http://.*the file's checksum",
             "datasets.x", {"adapter": "folder", "domain": "natural", "url": "http://x.org/y.zip"}),
    "checksum": (r"datasets.coco.checksum is 'md5:12'; allowed: md5: and 32",
                 "datasets.coco.checksum", "md5:12"),
    "group of nothing": (r"task_groups.mine names 'photo', which does not exist \(did you mean ph",
                         "task_groups.mine", ["photo"]),
    "group with a task's name": (r"task_groups.photos has the same name as a task",
                                 "task_groups.photos", ["mura"]),
    "draws of no draw": (r"tasks.photos has draws, so its classes must be a draw without a num",
                         "tasks.photos.draws", 5),
    "draw's name": (r"tasks.mnist_pair: draw mnist_pair1 has the same name as another task",
                    "tasks.mnist_pair1", {"dataset": "mnist", "draws": 2,
                                          "classes": {"draw": 2, "at_least": 9}}),
    "no dataset": (r"tasks.photos lacks dataset", "tasks.photos.dataset", None),
    "former name": (r"studies.demo.reading_threads is the former name of reading_processes; delete",
                    "studies.demo", {"tasks": ["photos"], "reading_threads": 1,
                                     "reading_processes": 2}),
    "no tasks": (r"studies.demo lacks tasks", "studies.demo.tasks", None),
    "empty tasks": (r"studies.demo.tasks is \[\]; .*list of one or more.*--until properties",
                    "studies.demo.tasks", []),
    "like": (r"studies.demo.like names 'papr', which does not exist \(did you mean paper",
             "studies.demo.like", "papr"),
    "like itself": (r"studies.demo.like is 'demo', which has a `like`",
                    "studies.demo.like", "demo"),
    "defaults": (r"defaults lacks k", "defaults.k", None),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_wrong_settings_are_named(config, case):
    message, key, value = WRONG[case]
    wrong = copy.deepcopy(config)
    *path, last = key.split(".")
    place = wrong
    for part in path:
        place = place[part]
    if value is None:
        del place[last]
    else:
        place[last] = value
    with pytest.raises(ConfigError, match=message):
        check_config(wrong)


@pytest.mark.parametrize(
    "settings",
    [
        {"adapter": "array", "path": "x.npy", "labels": "y.npy"},
        {"adapter": "table", "path": "list.csv", "allow_outside": True},
        {"adapter": "dicom", "path": "scans"},
        {"adapter": "nifti", "path": "volumes", "channel": 1, "central": 0.5},
    ],
)
def test_adapters_of_ones_own_images(config, settings):
    mine = copy.deepcopy(config)
    mine["datasets"]["mine"] = settings | {"domain": "radiology"}
    check_config(mine)
    del mine["datasets"]["mine"]["path"]
    with pytest.raises(ConfigError, match=r"datasets\.mine lacks path"):
        check_config(mine)
