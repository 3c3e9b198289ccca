"""Files of settings: what YAML would pass over in silence is refused, with its line."""

import pytest
import yaml

from idsharp.study.check import check_config
from idsharp.study.config import ConfigError
from idsharp.study.files import read_config, read_settings

SHIPPED = """study: a
studies:
  a: {tasks: [t], epochs: 3}
datasets: {d: {adapter: folder, domain: natural}}
tasks: {t: {dataset: d}}
task_groups: {g: [t]}
"""


def written(folder, text, name="mine.yaml"):
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("studies:\n  a:\n    epochs: 3\n    k: 5\n    epochs: 4\n",
         r"mine.yaml, line 5: studies.a.epochs is already on line 3, and only one .* delete one"),
        ("studies: {}\ntasks: {}\nstudies: {}\n", r"line 3: studies is already on line 1"),
        ("a: [{b: 1, b: 2}]\n", r"line 1: a.b is already on line 1"),
        ("studies:\n  a: {tasks: [t]\n  b: 3\n", r"mine.yaml, line 3, column \d+: not valid"),
        ("studies:\n\ta: 1\n", r"mine.yaml, line 2, column 1: not valid YAML"),
        ("a: *nowhere\n", r"mine.yaml, line 1, column 4: not valid YAML: found undefined alias"),
        ("just words\n", r"mine.yaml contains no settings"),
        ("", r"mine.yaml contains no settings"),
    ],
)  # fmt: skip
def test_what_a_file_gets_wrong_is_named_with_its_line(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        read_settings(written(tmp_path, text))


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere.yaml cannot be read"):
        read_settings(tmp_path / "nowhere.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"title: \xe9")
    with pytest.raises(ConfigError, match=r"latin.yaml cannot be read.*utf-8"):
        read_settings(tmp_path / "latin.yaml")


def test_yaml_merges_and_json_are_read(tmp_path):
    anchors = "a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}\n"
    assert read_settings(written(tmp_path, anchors))["b"] == {"k": 3, "l": 2}
    assert read_settings(written(tmp_path, '{"a": 1}', "mine.json")) == {"a": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("studies: {a: {tasks: [t]}}", r"studies.a in .*mine.yaml has `tasks`.*`like: a`"),
        ("datasets: {d: {adapter: npz, path: x}}", r"datasets.d .* has `adapter`.* another name"),
        ("tasks: {t: {dataset: e}}", r"tasks.t in .* has `dataset`, so it defines"),
        ("task_groups: {g: [u]}", r"task_groups.g in .* would change every study"),
    ],
)
def test_a_shipped_name_is_not_defined_again(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        read_config(written(tmp_path, SHIPPED, "config.yaml"), [written(tmp_path, text)])


def test_settings_of_shipped_entries_may_change(tmp_path):
    text = "studies: {a: {epochs: 5}}\ndatasets: {d: {path: /x}}\ntasks: {t: {split: image}}\n"
    config = read_config(written(tmp_path, SHIPPED, "config.yaml"), [written(tmp_path, text)])
    assert config["studies"]["a"] == {"tasks": ["t"], "epochs": 5}
    assert config["datasets"]["d"]["path"] == "/x"
    assert config["tasks"]["t"] == {"dataset": "d", "split": "image"}


def documented(page, name):
    """The first example of this name on a page, without its indentation."""
    lines = page.read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.strip() == f"# {name}")
    indent = len(lines[start]) - len(lines[start].lstrip())
    example = []
    for line in lines[start:]:
        if (line.strip() and not line.startswith(" " * indent)) or line.strip() == "```":
            break
        example.append(line[indent:])
    return "\n".join(example)


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("docs/studies.md", "more.yaml"),
        ("docs/studies.md", "mine.yaml"),
        ("docs/config.md", "mine.yaml"),
        ("docs/data.md", "mine.yaml, for snakemake --configfile mine.yaml --config study=iclr2024"),
    ],
)
def test_the_examples_of_the_pages_pass(root, tmp_path, page, name):
    text = documented(root / page, name).split("\nsnakemake ")[0]
    check_config(read_config(root / "config.yaml", [written(tmp_path, text)]))


def test_the_study_on_real_images_passes(root):
    file = root / "benchmarks" / "smoke_real" / "config.yaml"
    config = check_config(read_config(root / "config.yaml", [file]) | {"study": "smoke_real"})
    assert set(yaml.safe_load(file.read_text())["tasks"]) <= set(config["tasks"])
