"""Radiology whose index comes from tables or file names, on miniatures in the original layouts."""

import pickle

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from idsharp.datasets import DatasetError, open_dataset
from idsharp.datasets.base import INDEX_COLUMNS, receipt
from idsharp.datasets.errors import MissingDataError, UnreadableImageError
from idsharp.tasks.images import standardize
from idsharp.tasks.prepare import Request, prepare_task
from tests.datasets.miniatures import chexpert, mura, oai, rsna
from tests.datasets.miniatures.truth import picture, truncate
from tests.datasets.miniatures.xray_dicom import write_dicom

MINIATURES = {"chexpert": chexpert, "mura": mura, "oai": oai, "rsna": rsna}


def dataset_at(adapter, path, **settings):
    return open_dataset(adapter, {"adapter": adapter, "path": str(path), **settings})


def check_index(index, truth, ids=None):
    """Columns, labels, patients of an index, and that it holds these images and no others."""
    assert list(index.columns)[: len(INDEX_COLUMNS)] == INDEX_COLUMNS
    assert all(isinstance(cell, str) for cell in index.to_numpy().ravel())
    assert index["id"].is_unique
    assert set(index["id"]) == (set(truth.labels) if ids is None else ids)
    by_id = index.set_index("id")
    assert by_id["label"].to_dict() == {i: truth.labels[i] for i in by_id.index}
    assert by_id["patient"].to_dict() == {i: truth.patients[i] for i in by_id.index}


def prepare(dataset, index, classes, **changes):
    settings = {
        "task": "t", "classes": classes, "label": "label", "split": "patient", "image_size": 32,
        "channels": 1, "pool_size": 40, "n_test": 8, "unreadable_limit": 0.1,
    }  # fmt: skip
    return prepare_task(dataset, index, Request(**settings | changes))


def check_prepared(prepared, truth, n, tolerance=0):
    """A balanced pool, no patient on both sides, the pixels that were written."""
    samples = prepared.samples
    assert samples["label"].value_counts().to_dict() == {0: n // 2, 1: n // 2}
    sides = samples.groupby("split")["patient"].agg(set)
    assert sides["train"] and sides["test"] and not sides["train"] & sides["test"]
    assert prepared.audit["patient_disjoint"] is True
    assert samples["patient"].tolist() == [truth.patients[i] for i in samples["id"]]
    for identity, image in zip(samples["id"], prepared.images, strict=True):
        expected = standardize(truth.pixels[identity], 32, 1).astype(int)
        assert np.abs(image.astype(int) - expected).max() <= tolerance, identity


def one_unreadable(dataset, truth, index, classes, broken, **changes):
    """`broken` (id, file) is replaced and recorded where all others of its class are needed."""
    identity, file = broken
    truncate(file)
    mine = next(values for values in classes if truth.labels[identity] in values)
    quota = int(index["label"].isin(mine).sum()) - 1
    prepared = prepare(dataset, index, classes, pool_size=2 * quota, **changes)
    assert identity not in set(prepared.samples["id"])
    assert [entry["id"] for entry in prepared.audit["unreadable"]] == [identity]
    assert file.name in prepared.audit["unreadable"][0]["reason"]
    return prepared


# --- CheXpert ---

EFFUSION = [["blank", "-1"], ["1"]]


@pytest.mark.parametrize("prefix", ["CheXpert-v1.0-small/", "CheXpert-v1.0/", ""])
def test_chexpert_from_table_to_arrays(tmp_path, prefix):
    truth = chexpert.write(tmp_path, prefix)
    dataset = dataset_at("chexpert", tmp_path)
    index = dataset.index()
    train = {identity for identity in truth.labels if identity.startswith("train/")}
    check_index(index, truth, train)
    assert index["label"].value_counts().to_dict() == {"1": 36, "blank": 12, "-1": 12, "0": 12}
    assert index.loc[0, "where"] == f"{prefix}train/patient00001/study1/view1_frontal.jpg"
    assert index["view"].value_counts().to_dict() == {"frontal": 48, "lateral": 24}
    assert set(index["split"]) == {"train"}
    # JPEG loses a little.
    check_prepared(prepare(dataset, index, EFFUSION), truth, 40, tolerance=6)


def test_chexpert_path_may_be_the_folder_itself_or_the_one_above(tmp_path):
    chexpert.write(tmp_path)
    inner = dataset_at("chexpert", tmp_path / "CheXpert-v1.0-small")
    assert inner.index().loc[0, "where"] == "train/patient00001/study1/view1_frontal.jpg"
    assert inner.read("train/patient00001/study1/view1_frontal.jpg").shape == (39, 32)


def test_chexpert_edema_is_another_column(tmp_path):
    truth = chexpert.write(tmp_path)
    dataset = dataset_at("chexpert", tmp_path)
    index = dataset.index()
    assert set(chexpert.HEADER.split(",")[5:]) <= set(index)
    assert (index["Support Devices"] == "1").all()
    assert (index["Fracture"] == "blank").all()
    prepared = prepare(dataset, index, EFFUSION, label="Edema", pool_size=20)
    edema = index.set_index("id")["Edema"]
    for row in prepared.samples.itertuples():
        assert edema[row.id] in EFFUSION[row.label]
    check_prepared(prepared, truth, 20, tolerance=6)


def test_chexpert_full_size_in_batches(tmp_path, capsys):
    truth = chexpert.write(tmp_path, "CheXpert-v1.0/", batches=True)
    dataset = dataset_at("chexpert", tmp_path, with_valid=True)
    index = dataset.index()
    check_index(index, truth)
    assert index.loc[0, "where"].startswith("CheXpert-v1.0 batch 3 (train 2)/patient00001/study1/")
    check_prepared(prepare(dataset, index, EFFUSION), truth, 40, tolerance=6)
    # One batch alone: the patients of the others are left out, and said to be.
    folder = tmp_path / chexpert.BATCHES[1]
    folder.rename(tmp_path / "elsewhere")
    index = dataset_at("chexpert", tmp_path).index()
    assert set(index["patient"].str[-1]) == set("13579")
    assert "36 of 72 images left out: no folder of the patient" in capsys.readouterr().err


def test_chexpert_validation_images_are_official_test_images(tmp_path):
    truth = chexpert.write(tmp_path)
    dataset = dataset_at("chexpert", tmp_path, with_valid=True)
    index = dataset.index()
    check_index(index, truth)
    assert index["split"].value_counts().to_dict() == {"train": 72, "test": 9}
    prepared = prepare(dataset, index, [["0"], ["1"]], split="official", pool_size=28)
    for row in prepared.samples.itertuples():
        assert (row.split == "test") == row.id.startswith("valid/")


def test_chexpert_unreadable(tmp_path):
    truth = chexpert.write(tmp_path)
    dataset = dataset_at("chexpert", tmp_path)
    index = dataset.index()
    name = "train/patient00001/study1/view1_frontal.jpg"
    broken = (name, tmp_path / "CheXpert-v1.0-small" / name)
    prepared = one_unreadable(dataset, truth, index, EFFUSION, broken)
    check_prepared(prepared, truth, 46, tolerance=6)


def test_chexpert_values_that_it_does_not_have(tmp_path):
    chexpert.write(tmp_path)
    table = tmp_path / "CheXpert-v1.0-small" / "train.csv"
    table.write_text(table.read_text().replace(",0.0,-1.0,,", ",0.0,-2.0,,", 1))
    with pytest.raises(DatasetError, match=r"Pleural Effusion is '-2\.0' in .*; expected 1\.0, "):
        dataset_at("chexpert", tmp_path).index()


# --- MURA ---

STUDY = [["negative"], ["positive"]]


@pytest.mark.parametrize(
    ("prefix", "home", "end"),
    [("MURA-v1.1/", "MURA-v1.1", "\r\n"), ("", ".", "\n"), ("/data/MURA-v1.0/", "mine", "\n")],
)
def test_mura_from_paths_to_arrays(tmp_path, prefix, home, end):
    truth = mura.write(tmp_path, prefix, home, end)
    dataset = dataset_at("mura", tmp_path)
    index = dataset.index()
    train = {identity for identity in truth.labels if identity.startswith("train/")}
    check_index(index, truth, train)
    assert len(index) == 80, "the first line is an image, not a header"
    assert set(index["body_part"]) == {"elbow", "shoulder", "wrist"}
    check_prepared(prepare(dataset, index, STUDY), truth, 40)


def test_mura_validation_and_unreadable_images(tmp_path):
    truth = mura.write(tmp_path)
    dataset = dataset_at("mura", tmp_path, with_valid=True)
    index = dataset.index()
    check_index(index, truth)
    assert index["split"].value_counts().to_dict() == {"train": 80, "test": 16}
    positive = index[index["label"] == "positive"].iloc[0]
    broken = (positive["id"], tmp_path / positive["where"])
    check_prepared(one_unreadable(dataset, truth, index, STUDY, broken), truth, 46)


def test_mura_lines_that_name_no_image(tmp_path):
    mura.write(tmp_path)
    table = tmp_path / "MURA-v1.1" / "train_image_paths.csv"
    good = table.read_text()
    for line in (
        "MURA-v1.1/train/XR_HAND/patient00001/study1_unknown/image1.png",
        "../../train/XR_HAND/patient00001/image1.png",
        "path",
    ):
        table.write_text(good + line + "\n")
        with pytest.raises(DatasetError, match=r"1 rows of .* name no image of it, such as"):
            dataset_at("mura", tmp_path).index()


# --- OAI ---

GRADED = [["0", "1"], ["2", "3", "4"]]


@pytest.mark.parametrize("releases", ["", "00m", "Package_1197300/results/P001", "image03/00m"])
def test_oai_from_readings_to_knees(tmp_path, capsys, releases):
    truth = oai.write(tmp_path, releases)
    dataset = dataset_at("oai", tmp_path)
    index = dataset.index()
    # Without the third, who has no film; one knee of the first has no grade, one of the second two.
    check_index(index, truth)
    assert len(index) == 2 * 23 - 2
    assert index["kl_grade"].equals(index["label"].rename("kl_grade"))
    assert (index["side"].str[0].str.upper() == index["id"].str[-1]).all()
    said = capsys.readouterr().err
    assert "2 graded knees left out, whose films are not in" in said
    assert "knees with several grades are left out, such as those of 9000011" in said
    check_prepared(prepare(dataset, index, GRADED, pool_size=32), truth, 32)


def test_oai_numbers_with_their_meaning(tmp_path):
    truth = oai.write(tmp_path, worded=True)
    check_index(dataset_at("oai", tmp_path).index(), truth)


def test_oai_halves(tmp_path):
    oai.write(tmp_path)
    dataset = dataset_at("oai", tmp_path, crop="half")
    where = dataset.index().set_index("id")["where"]
    for n in (3, 4):  # MONOCHROME1 and 2
        film = picture(n, oai.SHAPE, 4095)
        right, left = (dataset.read(where[f"90000{n + 10}{side}"]) for side in "RL")
        assert (right == film[:, :108]).all()
        assert (left == film[:, 108:]).all()
    with pytest.raises(DatasetError, match="crop is 'knee'; write joint or half"):
        dataset_at("oai", tmp_path, crop="knee").read(where["9000013R"])


def test_oai_films_are_read_once_for_both_knees(tmp_path, monkeypatch):
    oai.write(tmp_path)
    dataset = dataset_at("oai", tmp_path)
    where = dataset.index().set_index("id")["where"]
    assert dataset.group(where["9000013R"]) == dataset.group(where["9000013L"])
    first = dataset.read(where["9000013R"])
    (tmp_path / dataset.group(where["9000013R"])).unlink()
    assert dataset.read(where["9000013L"]).shape == first.shape
    copy = pickle.loads(pickle.dumps(dataset))
    with pytest.raises(UnreadableImageError, match="is not there"):
        copy.read(where["9000013L"])


def test_oai_film_without_pixel_spacing(tmp_path):
    oai.write(tmp_path)
    dataset = dataset_at("oai", tmp_path)
    where = dataset.index().set_index("id")["where"]["9000015R"]
    write_dicom(tmp_path / dataset.group(where), picture(1, (60, 60), 100).astype(np.uint16))
    with pytest.raises(UnreadableImageError, match="how large its pixels are; crop: half"):
        dataset.read(where)


def test_oai_small_film_is_taken_whole(tmp_path):
    oai.write(tmp_path)
    dataset = dataset_at("oai", tmp_path)
    where = dataset.index().set_index("id")["where"]["9000015R"]
    film = picture(1, (50, 80), 100).astype(np.uint16)
    write_dicom(tmp_path / dataset.group(where), film, PixelSpacing=[2, 2])
    assert (dataset.read(where) == film[:, :40]).all()


def test_oai_unreadable(tmp_path):
    truth = oai.write(tmp_path)
    dataset = dataset_at("oai", tmp_path)
    index = dataset.index()
    # Of the last film one knee is of either class; only that of the smaller class is needed.
    row = index[index["label"].isin(GRADED[0])].iloc[-1]
    index = index[(index["patient"] != row["patient"]) | (index["id"] == row["id"])]
    broken = (row["id"], tmp_path / dataset.group(row["where"]))
    index = index.reset_index(drop=True)
    prepared = one_unreadable(dataset, truth, index, GRADED, broken)
    check_prepared(prepared, truth, len(prepared.samples))


def test_oai_without_its_films_or_its_readings(tmp_path):
    oai.write(tmp_path, participants=3)
    for release in tmp_path.glob("0.*"):
        release.rename(tmp_path / f"{release.name} packed").joinpath("x").mkdir()
    for folder in tmp_path.glob("0.* packed/9*"):
        folder.rename(folder.with_name(f"{folder.name}.tar"))
    with pytest.raises(DatasetError, match=r"none of the 3 films .*/9000010/<date>/00004000/001"):
        dataset_at("oai", tmp_path).index()
    table = tmp_path / "kxr_sq_bu00.txt"
    table.write_bytes(table.read_bytes().replace(b"|15|", b"|16|"))
    with pytest.raises(DatasetError, match="no row with READPRJ 15; it has 16, 37"):
        dataset_at("oai", tmp_path).index()


# --- RSNA ---

ANY = [["0"], ["1"]]


@pytest.mark.parametrize("home", [".", "rsna-intracranial-hemorrhage-detection"])
def test_rsna_from_table_to_arrays(tmp_path, capsys, home):
    (tmp_path / home).mkdir(exist_ok=True)
    truth = rsna.write(tmp_path / home)
    dataset = dataset_at("rsna", tmp_path)
    index = dataset.index()
    check_index(index, truth)
    assert "2 images left out, whose rows contradict each other" in capsys.readouterr().err
    assert index["label"].value_counts().to_dict() == {"0": 60, "1": 60}
    assert index["subarachnoid"].value_counts().to_dict() == {"0": 100, "1": 20}
    assert (index["epidural"] == "0").all()
    check_prepared(prepare(dataset, index, ANY), truth, 40)


def test_rsna_subarachnoid_is_another_column(tmp_path):
    truth = rsna.write(tmp_path)
    dataset = dataset_at("rsna", tmp_path)
    index = dataset.index()
    prepared = prepare(dataset, index, ANY, label="subarachnoid")
    column = index.set_index("id")["subarachnoid"]
    assert (
        column[prepared.samples["id"]].to_numpy() == prepared.samples["label"].astype(str)
    ).all()
    check_prepared(prepared, truth, 40)


def test_rsna_candidates(tmp_path):
    rsna.write(tmp_path)
    every = dataset_at("rsna", tmp_path).index().set_index("id")
    few = dataset_at("rsna", tmp_path, candidates=7).index().set_index("id")
    assert 14 <= len(few) < 40
    for kind, expected in (("any", [7, 7]), ("subarachnoid", [7, 7]), ("epidural", [7, 0])):
        counts = [int((few[kind] == value).sum()) for value in "01"]
        assert counts == expected
        drawn = few[kind][few[kind] != ""]
        assert drawn.equals(every[kind][drawn.index])
    by_name = sorted(every.index[every["any"] == "1"])[:7]
    assert sorted(few.index[few["any"] == "1"]) != by_name
    # The draw is the same again, and a larger one holds it.
    assert few.equals(dataset_at("rsna", tmp_path, candidates=7).index().set_index("id"))
    more = dataset_at("rsna", tmp_path, candidates=9).index().set_index("id")
    assert set(few.index) <= set(more.index)
    # Without a file that was not drawn, it is the same, too.
    spare = (set(every.index) - set(few.index)).pop()
    (tmp_path / "stage_2_train" / f"{spare}.dcm").unlink()
    assert few.equals(dataset_at("rsna", tmp_path, candidates=7).index().set_index("id"))


def test_rsna_candidates_are_an_even_sample_of_their_class(tmp_path):
    """Of images without subarachnoid bleeding, 40 % bleed otherwise; so do their candidates."""
    rsna.write(tmp_path, patients=60)
    few = dataset_at("rsna", tmp_path, candidates=60).index()
    drawn = few[few["subarachnoid"] == "0"]
    bleeding = (few["subdural"] == "1").sum()
    assert len(drawn) == 60
    every = dataset_at("rsna", tmp_path).index().set_index("id")
    assert 14 <= (every.loc[drawn["id"], "any"] == "1").sum() <= 34
    assert bleeding == 60, "more bleed than were drawn for the other column"


def test_rsna_unreadable_and_absent_files(tmp_path, capsys):
    truth = rsna.write(tmp_path)
    dataset = dataset_at("rsna", tmp_path)
    index = dataset.index()
    row = index[index["label"] == "1"].iloc[3]
    broken = (row["id"], tmp_path / row["where"])
    check_prepared(one_unreadable(dataset, truth, index, ANY, broken), truth, 118)
    # A header that can be read serves although the pixels do not; one that cannot does no harm.
    assert dataset.index().equals(index)
    broken[1].write_bytes(b"no DICOM")
    assert dataset.index().set_index("id").loc[row["id"], "patient"] == ""
    broken[1].unlink()
    capsys.readouterr()
    assert row["id"] not in set(dataset.index()["id"])
    assert "1 of 120 images of stage_2_train.csv are not in" in capsys.readouterr().err


def test_rsna_rows_that_it_does_not_have(tmp_path):
    rsna.write(tmp_path, patients=1)
    table = tmp_path / "stage_2_train.csv"
    good = table.read_text()
    lines = len(good.splitlines())
    for row in ("ID_000000001_frontal,0", "ID_000000001_any,0.5", "../../x,1"):
        table.write_text(good + row + "\n")
        with pytest.raises(DatasetError, match=rf"line {lines + 1}: ID .*; expected an ID such as"):
            dataset_at("rsna", tmp_path).index()


def test_rsna_real_head_ct(real_data, tmp_path):
    """A real slice of the head, in JPEG 2000, with two windows."""
    folder = tmp_path / "stage_2_train"
    folder.mkdir()
    lines = ["ID,Label"]
    for name in ("J2K_pixelrep_mismatch", "CT_small"):
        source = real_data / "original_formats" / "dicom_pydicom" / f"{name}.dcm"
        (folder / f"ID_{name}.dcm").write_bytes(source.read_bytes())
        lines += [f"ID_{name}_{kind},0" for kind in rsna.KINDS]
    (tmp_path / "stage_2_train.csv").write_text("\n".join(lines))
    dataset = dataset_at("rsna", tmp_path)
    index = dataset.index()
    assert (index["patient"] != "").all()
    for where in index["where"]:
        pixels = dataset.read(where)
        assert -1024 <= pixels.min() < -800
        assert 100 < pixels.max() < 4000


# --- All of them ---


@pytest.mark.parametrize("adapter", MINIATURES)
def test_what_is_missing_is_said(tmp_path, adapter):
    dataset = dataset_at(adapter, tmp_path / "absent")
    assert dataset.missing() == [f"there is no folder {tmp_path / 'absent'}"]
    for step in (dataset.locate, dataset.index):
        with pytest.raises(MissingDataError, match="must look like this:\n  ") as caught:
            step()
        assert dataset.layout in str(caught.value)
    (tmp_path / "there" / "empty").mkdir(parents=True)
    assert "there is no" in dataset_at(adapter, tmp_path / "there").missing()[0]
    assert not dataset.downloads


@pytest.mark.parametrize("adapter", MINIATURES)
def test_what_is_there_is_located_and_left_alone(tmp_path, adapter):
    MINIATURES[adapter].write(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    dataset = dataset_at(adapter, tmp_path)
    assert dataset.missing() == []
    record = receipt(dataset, dataset.locate())
    assert record["n_files"] == 1
    assert list(record["sha256"]) == [dataset.table]
    assert dataset.index().equals(dataset.index())
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("adapter", ["chexpert", "mura", "rsna"])
def test_images_are_missing(tmp_path, adapter):
    MINIATURES[adapter].write(tmp_path)
    folder = next(tmp_path.rglob("stage_2_train" if adapter == "rsna" else "train"))
    folder.rename(folder.with_name("elsewhere"))
    dataset = dataset_at(adapter, tmp_path)
    assert dataset.missing() == [f"there is no {folder.name}/ in {folder.parent}"]
    folder.mkdir()
    with pytest.raises(DatasetError, match=r"none of .* looked for is there|lists no image"):
        dataset.index()


@pytest.mark.parametrize("adapter", MINIATURES)
def test_nothing_outside_the_folder_is_read(tmp_path, adapter):
    inside = tmp_path / "inside"
    inside.mkdir()
    MINIATURES[adapter].write(inside)
    Image.new("L", (8, 8)).save(tmp_path / "secret.png")
    dataset = dataset_at(adapter, inside)
    with pytest.raises(DatasetError, match=r"\.\./secret\.png leads out of"):
        dataset.read("../secret.png" + ("#R" if adapter == "oai" else ""))


# --- Patients in file names ---


def write_mendeley(folder):
    """Knees by grade; both of a person on one side of the split, of another on both."""
    numbers = iter(range(9003175, 9003275))
    for n, number in enumerate(numbers):
        for side, grade in (("L", n % 5), ("R", n * 2 % 5)):
            split = ("train", "train", "val", "test")[n % 4]
            file = folder / split / str(grade) / f"{number}{side}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            pixels = picture(2 * n + (side == "L"), (32, 32), 255).astype("uint8")
            Image.fromarray(pixels).save(file)
            if split == "test":
                again = folder / "auto_test" / str(grade) / file.name
                again.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels[:-1]).save(again)


def test_mendeley_knees_by_the_folder_adapter(tmp_path):
    write_mendeley(tmp_path)
    dataset = dataset_at("folder", tmp_path, patient_pattern=r"(\d+)[LR]\.png$")
    index = dataset.index()
    assert index.set_index("id").loc["test/3/9003178L.png", "patient"] == "9003178"
    # The same knees again, cropped by a detector, are of no grade and so of no class.
    assert index["label"].value_counts()["auto_test"] == 50
    prepared = prepare(dataset, index, GRADED, pool_size=100, n_test=20)
    assert set(prepared.samples["class"]) == {"0", "1", "2", "3", "4"}
    assert prepared.audit["patient_disjoint"] is True
    sides = prepared.samples.groupby("split")["patient"].agg(set)
    assert not sides["train"] & sides["test"]


def test_a_patient_pattern_without_a_group_takes_all_of_it(tmp_path):
    write_mendeley(tmp_path)
    index = dataset_at("folder", tmp_path, patient_pattern=r"\d{7}").index()
    assert index.set_index("id").loc["test/3/9003178L.png", "patient"] == "9003178"


@pytest.mark.parametrize(
    ("pattern", "message"),
    [(r"(\d+)M\.png", r"finds no patient in auto_test/0/"), ("(", "is no regular expression")],
)
def test_a_patient_pattern_that_does_not_fit(tmp_path, pattern, message):
    write_mendeley(tmp_path)
    with pytest.raises(DatasetError, match=message):
        dataset_at("folder", tmp_path, patient_pattern=pattern).index()


def test_indexes_survive_their_file(tmp_path):
    """An index is written and read back before it is used: blank, −1 and "" must stay."""
    chexpert.write(tmp_path / "a")
    rsna.write(tmp_path / "b")
    for dataset in (
        dataset_at("chexpert", tmp_path / "a"),
        dataset_at("rsna", tmp_path / "b", candidates=5),
    ):
        index = dataset.index()
        index.to_csv(tmp_path / "index.csv", index=False)
        again = pd.read_csv(tmp_path / "index.csv", dtype=str, keep_default_na=False)
        assert again.to_numpy().tolist() == index.to_numpy().tolist()
