"""ImageNet and folders of natural images."""

import pytest

from idsharp.datasets import DatasetError
from idsharp.datasets.errors import MissingDataError
from idsharp.datasets.tree import files_below
from idsharp.tasks.prepare import prepare_task
from tests.datasets.collections.volumes import request
from tests.datasets.miniatures import natural
from tests.datasets.opening import dataset


def test_files_are_listed_in_the_order_of_their_folders(tmp_path):
    for name in ("a/b.png", "a-b/c.png", "a.png", "a/A.png", "B/1/x.png", ".h/x.png", "a/.x.png"):
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).touch()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "y.png").touch()
    root = tmp_path / "root"
    (root / "linked_file.png").symlink_to(tmp_path / "other" / "y.png")
    (root / "linked_folder").symlink_to(tmp_path / "other")
    (root / "broken.png").symlink_to(tmp_path / "nowhere")
    found = files_below(root)
    expected = [path for path in root.rglob("*") if path.is_file()]
    expected.append(root / "linked_folder" / "y.png")
    visible = [p for p in expected if not any(q.startswith(".") for q in p.relative_to(root).parts)]
    assert found == sorted(visible)
    assert [file.name for file in found if "linked" in str(file)] == ["linked_file.png", "y.png"]


@pytest.mark.parametrize("place", ["ILSVRC/Data/CLS-LOC/train", "train", ""])
def test_imagenet(tmp_path, place):
    natural.write_imagenet(tmp_path / place)
    (tmp_path / place / "not_a_class").mkdir()
    natural.write_jpeg(tmp_path / place / "not_a_class" / "x.JPEG", 1)
    data = dataset("imagenet", tmp_path)
    index = data.index()
    assert "name" not in index
    lines = [f"{synset} {words}" for synset, words in natural.SYNSETS.items()]
    (tmp_path / "LOC_synset_mapping.txt").write_text("\n".join(lines) + "\n")
    index = data.index()
    assert index["label"].value_counts().to_dict() == dict.fromkeys(natural.SYNSETS, 6)
    assert set(index["name"]) == {"tench", "goldfish", "English springer"}
    assert data.read(index["where"][0]).shape == (48, 40, 3)
    assert data.read("n01440764/n01440764_37.JPEG").ndim == 2
    assert len(data.locate()) == 18
    classes = [["n01440764"], ["n02102040"]]
    asked = request(classes=classes, pool_size=10, n_test=2, channels=3)
    prepared = prepare_task(data, index, asked)
    assert prepared.images.shape == (10, 3, 32, 32)


def test_imagenet_mistakes_are_explained(tmp_path):
    with pytest.raises(MissingDataError, match=r"there is no folder(.|\n)*ILSVRC/Data/CLS-LOC"):
        dataset("imagenet", tmp_path / "nowhere").index()
    (tmp_path / "train").mkdir()
    with pytest.raises(MissingDataError, match="contains no class folder such as n01440764"):
        dataset("imagenet", tmp_path).index()
    natural.write_imagenet(tmp_path / "train", n=1)
    (tmp_path / "LOC_synset_mapping.txt").write_text("n01440764 tench\ngoldfish\n")
    with pytest.raises(DatasetError, match=r"mapping\.txt, line 2: 'goldfish' does not begin with"):
        dataset("imagenet", tmp_path).index()


@pytest.mark.parametrize("inner", ["", "img_align_celeba", "train2017"])
def test_folders_without_classes(tmp_path, inner):
    natural.write_flat(tmp_path / inner)
    (tmp_path / "list_attr_celeba.txt").write_text("6\n")
    data = dataset("folder", tmp_path, classes=False)
    index = data.index()
    assert set(index["label"]) == {""}
    assert index["where"].tolist() == [f"{inner}/{i:06d}.jpg".lstrip("/") for i in range(1, 7)]
    assert data.read(index["where"][2]).shape == (48, 43, 3)
    with pytest.raises(DatasetError, match=r"holds no image with a suffix of \.png"):
        (tmp_path / "none").mkdir()
        dataset("folder", tmp_path / "none", classes=False).index()


def test_splits_of_folders_without_classes(tmp_path):
    natural.write_flat(tmp_path / "train", n=2)
    natural.write_flat(tmp_path / "test", n=1)
    index = dataset("folder", tmp_path, classes=False).index()
    assert index["split"].tolist() == ["test", "train", "train"]
    assert set(index["label"]) == {""}
