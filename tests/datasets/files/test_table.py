"""CSV files that list images."""

import numpy as np
import pytest
from PIL import Image

from idsharp.datasets import DatasetError
from tests.conftest import write_image_folder
from tests.datasets.opening import dataset


def write_table(folder, text):
    write_image_folder(folder / "images", 2, seed=0)
    (folder / "list.csv").write_text(text, encoding="utf-8")
    return folder / "list.csv"


def test_table(tmp_path):
    # A byte-order mark and blanks after commas, as spreadsheets write them.
    path = write_table(
        tmp_path,
        "\ufeffpath,label,patient,grade\n"
        "images/left/left_000.png, benign, p1, 2\nimages/right/right_001.png,malignant,p2,3\n",
    )
    data = dataset("table", path)
    index = data.index()
    assert list(index.columns) == ["id", "where", "label", "patient", "split", "grade"]
    assert index["label"].tolist() == ["benign", "malignant"]
    assert index["patient"].tolist() == ["p1", "p2"]
    assert index["grade"].tolist() == ["2", "3"]
    expected = np.asarray(Image.open(tmp_path / "images" / "right" / "right_001.png"))
    assert (data.read(index["where"][1]) == expected).all()
    assert len(data.locate()) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,diagnosis\na.png,1\n", r"has no column label; its columns are path, diagnosis"),
        ("", r"no column path and no column label; its columns are none"),
        ("path,label\n", r"lists no image"),
        ("path,label\nx\0.png,1\n", r"list\.csv is no text"),
        ("path,label\nx.png,1,2\n", r"cannot be read as a CSV file"),
        ("path,label\nimages/left/left_000.png,1\nx.png,\n", r"list\.csv, line 3: no label"),
        ("path,label\nx.png,1\nx.png,0\n", r"more than once, such as x\.png"),
        ("path,label\nnot_there.png,1\n", r"1 files that are not there, such as .*not_there\.png"),
        ("path,label\n../secret.png,1\n", r"\.\./secret\.png leads out of .*--allow-outside"),
        ("path,label\n/etc/hostname,1\n", r"/etc/hostname leads out of"),
    ],
)
def test_table_mistakes_are_explained(tmp_path, text, message):
    with pytest.raises(DatasetError, match=message):
        dataset("table", write_table(tmp_path, text)).index()


def test_table_does_not_follow_links_out_of_its_folder(tmp_path):
    write_image_folder(tmp_path / "elsewhere", 1, seed=0)
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "link.png").symlink_to(tmp_path / "elsewhere" / "left" / "left_000.png")
    (inner / "list.csv").write_text("path,label\nlink.png,a\n")
    with pytest.raises(DatasetError, match="leads out of"):
        dataset("table", inner / "list.csv").index()
    allowed = dataset("table", inner / "list.csv", allow_outside=True)
    assert allowed.read(allowed.index()["where"][0]).shape == (32, 32)
