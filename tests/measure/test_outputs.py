"""What `idsharp measure` writes: JSON, lists of duplicates and suspects, in any encoding."""

import csv
import io
import json
import os
import sys

import jsonschema
import numpy as np
import pytest
from PIL import Image

from idsharp.measure.cli import main
from idsharp.measure.suspects import ratios
from idsharp.measure.text import printable, show_everything
from idsharp.properties.neighbors.search import nearest_neighbors
from tests.conftest import ROOT, blobs, write_image_folder

QUICK = ["-k", "5", "--m", "20", "--draws", "3", "--quiet"]
SCHEMA = json.loads((ROOT / "docs" / "measure.schema.json").read_text(encoding="utf-8"))


def measure(*arguments):
    main(["measure", *map(str, arguments), *QUICK])


def rows(path):
    with open(path, newline="", encoding="utf-8", errors="surrogateescape") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def collection(tmp_path):
    """Two classes in two splits: a copy, a conflict, a leak, a near-copy and a wrong label."""
    images = np.concatenate([blobs(30, 0, 0), blobs(30, 1, 0)])
    labels, splits = np.repeat(["left", "right"], 30), np.array(["train", "test"] * 30)
    images[2] = images[0]  # a copy in the same class and split
    images[35] = images[5]  # under another label
    images[8] = images[7]  # 7 in the test set, 8 in the training set
    images[12] = images[10]
    images[12, 0, 0] += 9  # nearly identical
    labels[20] = "right"
    lines = ["path,label,split"]
    for i, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{i:02d}.png")
        lines.append(f"{i:02d}.png,{labels[i]},{splits[i]}")
    (tmp_path / "x.csv").write_text("\n".join(lines))
    return tmp_path / "x.csv"


def test_json_follows_its_schema(collection, tmp_path, capsys):
    measure(collection, "--json", tmp_path / "all.json", "--against", "--unbalanced")
    write_image_folder(tmp_path / "flat", 8, seed=0)
    measure(tmp_path / "flat" / "left", "--json", tmp_path / "no_classes.json")
    np.save(tmp_path / "far.npy", np.eye(36, dtype=np.uint8).reshape(36, 6, 6))
    measure(tmp_path / "far.npy", "--json", tmp_path / "undefined.json")
    validator = jsonschema.Draft202012Validator(SCHEMA)
    for name in ("all", "no_classes", "undefined"):
        record = json.loads((tmp_path / f"{name}.json").read_text())
        assert not [error.message for error in validator.iter_errors(record)], name
        assert record["schema_version"] == SCHEMA["properties"]["schema_version"]["const"]


def test_json_on_standard_output_is_nothing_else(collection, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    measure(collection, "--json", "-", "--unbalanced")
    record = json.loads(capsys.readouterr().out)
    assert record["n_available"] == 60
    assert not (tmp_path / "-").exists()


def test_the_list_of_duplicates_says_which_to_keep(collection, tmp_path):
    measure(collection, "--duplicates", tmp_path / "d.csv", "--unbalanced", "--near", "2")
    listed = {row["path"]: row for row in rows(tmp_path / "d.csv")}
    assert list(listed) == [f"{i:02d}.png" for i in (0, 2, 5, 35, 7, 8, 10, 12)]
    assert [listed[name]["group"] for name in listed] == list("11223344")
    assert [listed[name]["keep"] for name in listed] == [
        "yes", "no", "check", "check", "yes", "no", "yes", "no",
    ]  # fmt: skip
    assert listed["05.png"]["why"] == "labels of the group differ: left, right"
    assert (listed["07.png"]["split"], listed["07.png"]["why"]) == ("test", "in the test set")
    assert listed["08.png"]["why"] == "also in the test set"
    assert [listed[name]["kind"] for name in listed] == ["exact"] * 6 + ["near"] * 2


def test_suspects_are_ranked(collection, tmp_path):
    measure(collection, "--suspects", tmp_path / "s.csv", "--unbalanced")
    first = rows(tmp_path / "s.csv")[0]
    assert (first["path"], first["label"], first["suggested"]) == ("20.png", "right", "left")
    assert float(first["ratio"]) > 1
    assert float(first["distance_other"]) < float(first["distance_own"] or "inf")
    # Identical images with different labels are among the duplicates.
    assert not {"05.png", "35.png"} & {row["path"] for row in rows(tmp_path / "s.csv")}


@pytest.mark.parametrize(
    ("options", "found"), [(["--no-labels"], "no classes"), (["--classes", "left"], "one class")]
)
def test_suspects_need_classes(collection, tmp_path, options, found):
    with pytest.raises(SystemExit, match=rf"^error: --suspects compares .* there are {found} here"):
        measure(collection, "--suspects", tmp_path / "s.csv", *options)
    assert not (tmp_path / "s.csv").exists()


def test_ratios_are_those_of_the_nearest_of_each_kind():
    rng = np.random.default_rng(0)
    points, labels = rng.normal(size=(60, 2)), rng.integers(0, 3, 60)
    found = nearest_neighbors(points, 59)
    ratio, own, other = ratios(found.distances, found.indices, labels)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    for i in range(60):
        mine = (labels == labels[i]) & (np.arange(60) != i)
        near, far = (np.sort(distances[i, which])[:5] for which in (mine, labels != labels[i]))
        assert ratio[i] == pytest.approx(np.exp(np.log(near).mean() - np.log(far).mean()))
        assert found.distances[i, own[i]] == pytest.approx(near[0])
        assert found.distances[i, other[i]] == pytest.approx(far[0])


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_any_encoding_shows_the_table(tmp_path, monkeypatch, encoding):
    write_image_folder(tmp_path / "x", 12, seed=0)
    odd = os.fsencode(tmp_path / "x" / "left") + b"/caf\xe9\n.png"
    Image.fromarray(blobs(1, 0, 9)[0]).save(tmp_path / "new.png")
    os.rename(os.fsencode(tmp_path / "new.png"), odd)
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    measure(tmp_path / "x", "--json", tmp_path / "x.json", "--duplicates", tmp_path / "d.csv",
            "--near", "250", "--unbalanced")  # fmt: skip
    text = stream.buffer.getvalue().decode(encoding)
    assert {"cp1252": "32×32", "ascii": "32x32", "utf-8": "32×32"}[encoding] in text
    assert {"cp1252": "MLE (k-1)", "ascii": "MLE (k-1)", "utf-8": "MLE (k−1)"}[encoding] in text
    listed = {os.fsencode(row["path"]) for row in rows(tmp_path / "d.csv")}
    assert b"left/caf\xe9\n.png" in listed


def test_names_are_shown_on_one_line():
    assert printable("ü b") == "ü b"
    assert printable("a\nb\x1b[0m") == "a\\nb\\x1b[0m"
    assert printable(os.fsdecode(b"caf\xe9")) == "caf\\xe9"


def test_a_stream_spells_what_it_lacks():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    show_everything(stream)
    stream.write("1.2 ± 0.3 × 10⁻⁴, 猫")
    stream.seek(0)
    assert stream.read() == "1.2 +- 0.3 x 10^-4, ?"


def test_an_absurd_size_is_refused_before_anything_is_allocated(tmp_path, capsys):
    write_image_folder(tmp_path / "x", 12, seed=0)
    with pytest.raises(SystemExit, match="24 images of 100000×100000 pixels take 224 GiB"):
        measure(tmp_path / "x", "--size", "100000")


def test_a_link_to_itself_is_left_out(tmp_path, capsys):
    write_image_folder(tmp_path / "x", 12, seed=0)
    (tmp_path / "x" / "left" / "loop.png").symlink_to("loop.png")
    measure(tmp_path / "x")
    assert "24, 24 of them measured" in capsys.readouterr().out
