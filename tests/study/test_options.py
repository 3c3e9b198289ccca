"""The schema lists the options that each adapter reads, and no others."""

import inspect
import re

import pytest
import yaml

from idsharp.datasets import ADAPTERS, adapter_class
from idsharp.study.check import SCHEMA, check_config
from idsharp.study.config import ConfigError
from idsharp.study.files import read_config

DEFINITIONS = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))["$defs"]
#: Settings of the study, and of the whole configuration, that adapters are told as well.
TOLD = {"mirror", "pool_size", "image_size"}
#: Read by a base class, but of no use to these adapters.
NOT_OFFERED = {
    "embedded": {"path"},
    "imagenet": {"classes", "patient_pattern", "subfolder", "url", "checksum"},
    "medmnist": {"url", "checksum", "columns", "patients"},
    "npz": {"checksums"},
}


def read_by(adapter):
    """Names of the settings in the source of an adapter and of the classes it is built on."""
    source = "".join(
        inspect.getsource(base)
        for base in adapter_class(adapter).__mro__
        if base.__module__.startswith("idsharp")
    )
    return set(re.findall(r"""settings(?:\.get\(|\[)["'](\w+)|["'](\w+)["'] in self\.settings""",
                          source)) | array_options(source)  # fmt: skip


def array_options(source):
    """Names in a tuple that a loop looks up in the settings."""
    found = re.findall(r'for key in \(("\w+"(?:, "\w+")+)\) if key in self\.settings', source)
    return {(name, "") for names in found for name in re.findall(r"\w+", names)}


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_the_schema_has_what_the_adapter_reads(adapter):
    used = {first or second for first, second in read_by(adapter)} - TOLD
    assert set(DEFINITIONS["adapters"][adapter]["properties"]) == used - NOT_OFFERED.get(
        adapter, set()
    )


def test_every_adapter_is_in_the_schema():
    assert list(DEFINITIONS["adapters"]) == list(ADAPTERS)


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_an_option_of_another_adapter_is_refused_by_name(adapter, root):
    options = DEFINITIONS["adapters"]
    config = read_config(root / "config.yaml", [])
    needed = {
        name: next(iter(options[adapter]["properties"][name].get("enum", ["x"])))
        for name in options[adapter].get("required", [])
    }
    mine = {"adapter": adapter, "domain": "natural", "path": "x"} | needed
    mine = {key: value for key, value in mine.items() if key != "path" or adapter != "embedded"}
    config["datasets"]["mine"] = mine
    check_config(config)
    for foreign in {"patient_pattern", "crop"} - set(options[adapter]["properties"]):
        config["datasets"]["mine"] = mine | {foreign: "x"}
        with pytest.raises(ConfigError, match=rf"mine has the option '{foreign}', which adapter"):
            check_config(config)
