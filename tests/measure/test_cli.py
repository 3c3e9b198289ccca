"""`idsharp measure` as a user meets it: good input of every kind, and bad input that ends well."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from idsharp.common.seeds import generator
from idsharp.measure.cli import main
from idsharp.measure.pairs import telling_pair
from idsharp.measure.published import charts_text, place
from idsharp.properties.record import properties_record
from tests.conftest import ROOT, blobs, write_image_folder

QUICK = ["-k", "5", "--m", "20", "--draws", "3", "--quiet"]


def run(capsys, *arguments):
    """stdout of a run that succeeds."""
    main(["measure", *map(str, arguments)])
    return capsys.readouterr().out


def fail(capsys, *arguments):
    """The one line that a failing run says."""
    with pytest.raises(SystemExit) as stop:
        main(["measure", *map(str, arguments)])
    message = str(stop.value)
    assert message.startswith("error: ")
    assert "\n" not in message
    assert capsys.readouterr().out == ""
    return message


def record_of(capsys, tmp_path, *arguments):
    run(capsys, *arguments, *QUICK, "--json", tmp_path / "out.json")
    text = (tmp_path / "out.json").read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    return json.loads(text)


@pytest.fixture
def arrays():
    images = np.concatenate([blobs(30, 0, 0), blobs(30, 1, 0)])
    return images, np.repeat([0, 1], 30)


def test_image_folder(tmp_path, capsys):
    write_image_folder(tmp_path / "x", 30, seed=0)
    text = run(capsys, tmp_path / "x", *QUICK)
    for words in ("60 of them measured", "left 30, right 30", "MLE (k−2)",
                  "M = 20, 3 draws", "all pairs", "sharpest pair", "32×32 (their own size), gray",
                  "exact duplicates", "near-duplicates, RMS < 8"):  # fmt: skip
        assert words in text


def test_the_values_are_those_of_the_pipeline(tmp_path, capsys, arrays):
    images, labels = arrays
    images[:, 0, 0] = 255  # so that scaling changes nothing
    np.savez(tmp_path / "x.npz", images=images, labels=labels)
    record = record_of(capsys, tmp_path, tmp_path / "x.npz")
    expected = properties_record(
        images[:, None], labels, k=5, m=20, draws=3, rng=generator("measure", 0, "sharpness")
    )
    names = [name for name in expected if name.startswith(("id_", "label_"))]
    # The command has its own curve over k.
    names = [name for name in names if "_at_k" not in name]
    assert len(names) > 12
    for name in names:
        assert record[name] == pytest.approx(expected[name], rel=1e-12), name
    assert record["id_mle_k1_low"] < record["id_mle_k1"] < record["id_mle_k1_high"]
    pair = record["sharpest_pairs"][0]
    assert 1 / pair["distance"] == pytest.approx(record["label_sharpness_all"])
    assert {pair["first_label"], pair["second_label"]} == {"0", "1"}


def test_arrays_tables_and_medmnist_give_the_same(tmp_path, capsys, arrays):
    images, labels = arrays
    np.save(tmp_path / "x.npy", images)
    np.save(tmp_path / "y.npy", labels)
    np.savez(tmp_path / "x.npz", train_images=images[:40], train_labels=labels[:40, None],
             test_images=images[40:], test_labels=labels[40:, None])  # fmt: skip
    rows = ["path,label"]
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        Image.fromarray(image).save(tmp_path / f"{i:02d}.png")
        rows.append(f"{i:02d}.png,{label}")
    (tmp_path / "x.csv").write_text("\n".join(rows))
    records = [
        record_of(capsys, tmp_path, tmp_path / "x.npy", "--labels", tmp_path / "y.npy"),
        record_of(capsys, tmp_path, tmp_path / "x.npz"),
        record_of(capsys, tmp_path, tmp_path / "x.csv"),
    ]
    for record in records:
        assert record["id_mle_k1"] == records[0]["id_mle_k1"]
        assert record["label_sharpness_all"] == records[0]["label_sharpness_all"]
    assert records[1]["splits"] == [{"split": "train", "n": 40}, {"split": "test", "n": 20}]


def test_one_class_and_none(tmp_path, capsys):
    write_image_folder(tmp_path / "x", 30, seed=0)
    text = run(capsys, tmp_path / "x", "--classes", "left", *QUICK)
    assert "all images are of one class" in text
    assert "MLE" in text
    text = run(capsys, tmp_path / "x" / "left", *QUICK)
    assert "classes (0)" in text
    assert "undefined" in text
    assert "the images have no classes" in text
    assert "classes (0)" in run(capsys, tmp_path / "x", "--no-labels", *QUICK)


def test_folders_named_after_splits_are_no_classes(tmp_path, capsys):
    write_image_folder(tmp_path, 15, seed=0)
    (tmp_path / "left").rename(tmp_path / "train")
    (tmp_path / "right").rename(tmp_path / "test")
    text = run(capsys, tmp_path, *QUICK)
    assert "classes (0)" in text
    assert "test 15, train 15" in text


def test_mixed_sizes_are_resized_and_said(tmp_path, capsys):
    write_image_folder(tmp_path / "x", 12, seed=0)
    Image.fromarray(blobs(1, 0, 9, size=40)[0]).save(tmp_path / "x" / "left" / "zz.png")
    main(["measure", str(tmp_path / "x"), "-k", "5"])
    shown = capsys.readouterr()
    assert "32×32 and 40×40); all were resized to 224×224" in shown.err
    assert "224×224 (resized)" in shown.out


def test_a_balanced_part_is_measured_and_said(tmp_path, capsys, arrays):
    images, labels = arrays
    np.savez(tmp_path / "x.npz", images=images[:45], labels=labels[:45])
    main(["measure", str(tmp_path / "x.npz"), "-k", "5"])
    shown = capsys.readouterr()
    assert "30 of 45 images are measured, 15 of each class (the smallest class has 15" in shown.err
    assert "0 30 (15 measured), 1 15" in shown.out
    main(["measure", str(tmp_path / "x.npz"), "-k", "5", "--max-images", "20"])
    assert "20 of 45 images are measured, 10 of each class (--max-images" in capsys.readouterr().err
    main(["measure", str(tmp_path / "x.npz"), "-k", "5", "--unbalanced"])
    assert "45 of them measured" in capsys.readouterr().out


def test_the_audit_covers_images_that_are_not_measured(tmp_path, capsys, arrays):
    images, labels = arrays
    images[59], images[58] = images[0], images[29]
    near = images[5].copy()
    near[0, 0] += 9
    images[7] = near
    np.savez(tmp_path / "x.npz", images=images, labels=labels)
    record = record_of(capsys, tmp_path, tmp_path / "x.npz", "--max-images", "20")
    assert record["n_images"] == 20
    assert record["n_audited"] == 60
    groups = {tuple(group["ids"]) for group in record["duplicate_groups"]}
    assert groups == {("image_0", "image_59"), ("image_29", "image_58")}
    assert record["n_duplicate_images_across_classes"] == 4
    record = record_of(capsys, tmp_path, tmp_path / "x.npz", "--near", "2", "--unbalanced")
    assert record["n_near_duplicate_pairs"] == 1
    assert record["near_duplicate_pairs"][0]["first"] == "image_5"
    assert record["n_label_conflicts_measured"] == 4


def test_figures(tmp_path, capsys, arrays):
    images, labels = arrays
    images[1] = images[0]
    np.savez(tmp_path / "x.npz", images=images, labels=labels)
    run(capsys, tmp_path / "x.npz", *QUICK, "--figures", tmp_path / "figures")
    names = {file.name for file in (tmp_path / "figures").iterdir()}
    shown = ("sharpest_pairs", "dimension_over_k", "local_dimension", "duplicates",
             "sharpness_over_m")  # fmt: skip
    assert names == {f"{name}.{suffix}" for name in shown for suffix in ("png", "pdf")}
    for file in (tmp_path / "figures").glob("*.png"):
        assert np.asarray(Image.open(file).convert("L")).std() > 5, file


def test_what_is_undefined_is_said(tmp_path, capsys):
    """Images of one bright pixel each are all equally far from one another."""
    np.save(tmp_path / "x.npy", np.eye(36, dtype=np.uint8).reshape(36, 6, 6))
    record = record_of(capsys, tmp_path, tmp_path / "x.npy", "--figures", tmp_path / "figures")
    assert record["id_mle_k1"] is record["id_mle_k1_low"] is None
    assert "equally far" in record["id_mle_k1_reason"]
    text = run(capsys, tmp_path / "x.npy", *QUICK)
    assert "undefined: all 5 neighbors of every point are equally far away" in text


def test_against_says_why_not(tmp_path, capsys, arrays):
    np.savez(tmp_path / "x.npz", images=arrays[0], labels=arrays[1])
    text = run(capsys, tmp_path / "x.npz", *QUICK, "--against")
    assert text.count("not compared: the papers measure at 224×224, these images are 32×32") == 3


def test_against_places_a_dataset_among_its_kind():
    record = {
        "name": "mine", "height": 224, "width": 224, "scaling": "maximum", "channels": 1, "k": 20,
        "id_mle_k2": 12.0, "label_sharpness": 2e-4, "label_sharpness_m": 1000,
    }  # fmt: skip
    micai, iclr, sharpness = place(record)
    assert [name for name, _, _ in micai.rows] == [
        "prostate", "brats", "dbc", "mine", "oai", "mura", "rsna", "chexpert",
    ]  # fmt: skip
    assert len(iclr.rows) == len(sharpness.rows) == 9
    assert "→ mine" in charts_text([sharpness])
    color = place(record | {"channels": 3})
    assert [name for name, _, _ in color[1].rows] == ["mine", "svhn", "cifar10", "imagenet"]
    assert "three channels" in color[0].reason
    assert "k = 20" in place(record | {"k": 5})[0].reason
    assert "M = 1000" in place(record | {"label_sharpness_m": 500})[2].reason
    assert "own maximum" in place(record | {"scaling": "none"})[1].reason


def test_bad_input_ends_in_one_helpful_line(tmp_path, capsys, arrays):
    images, labels = arrays
    np.savez(tmp_path / "x.npz", images=images, labels=labels)
    np.save(tmp_path / "x.npy", images)
    np.save(tmp_path / "short.npy", labels[:7])
    np.save(tmp_path / "nan.npy", np.full((30, 4, 4), np.nan))
    np.save(tmp_path / "object.npy", np.array([{}]), allow_pickle=True)
    np.save(tmp_path / "same.npy", np.zeros((30, 4, 4), np.uint8))
    np.save(tmp_path / "deep.npy", 9 * images.astype(np.uint16))
    (tmp_path / "x.csv").write_text("file,label\na.png,1\n")
    (tmp_path / "out.csv").write_text("path,label\n../a.png,1\n")
    (tmp_path / "text.txt").write_text("?")
    (tmp_path / "broken.npz").write_text("?")
    (tmp_path / "empty").mkdir()
    write_image_folder(tmp_path / "few", 4, seed=0)
    write_image_folder(tmp_path / "bad", 20, seed=0)
    (tmp_path / "bad" / "left" / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for arguments, words in (
        (["nowhere"], "there is nothing at"),
        (["empty"], "holds no image; expected a folder of images"),
        (["text.txt"], "is of no known kind; expected"),
        (["few/left/left_000.png"], "is one image; name the folder"),
        (["bad"], "cut.png: cannot be read as an image"),
        (["few"], "8 images: k = 20 needs at least 21; lower -k or add images"),
        (["same.npy"], "30 images, of which 1 are different"),
        (["x.npy", "--labels", "short.npy"], r"60 images, but labels of shape (7,)"),
        (["x.npz", "--labels", "short.npy"], "--labels is for npy data"),
        (["nan.npy"], "image_0: the image holds values that are not finite"),
        (["object.npy"], "object arrays are refused"),
        (["broken.npz"], "cannot be read as .npz"),
        (["deep.npy", "--scaling", "none"], "its pixels are uint16"),
        (["x.csv"], "has no column path; its columns are file, label"),
        (["out.csv"], "leads out of"),
        (["x.npz", "--classes", "0,7"], "no image is labelled 7; labels found: 0, 1"),
        (["empty", "--format", "dicom"], "holds no DICOM image"),
        (["x.npz", "--json", "."], "--json names a folder"),
    ):  # fmt: skip
        given = [tmp_path / a if (tmp_path / a).exists() or i == 0 else a
                 for i, a in enumerate(arguments)]  # fmt: skip
        assert words in fail(capsys, *given, "--quiet"), arguments
    text = run(capsys, tmp_path / "bad", *QUICK, "--skip-unreadable")
    assert "unreadable, left out          1" in text


@pytest.mark.parametrize(
    "option", [["-k", "2"], ["--near", "0"], ["--channels", "2"], ["--m", "x"]]
)
def test_bad_options_name_themselves(capsys, option):
    with pytest.raises(SystemExit) as stop:
        main(["measure", "x", *option])
    assert stop.value.code == 2
    assert f"argument {option[0]}" in capsys.readouterr().err


def test_the_same_seed_gives_the_same_numbers(tmp_path, capsys, arrays):
    np.savez(tmp_path / "x.npz", images=arrays[0], labels=arrays[1])
    first, second, other = (
        run(capsys, tmp_path / "x.npz", "-k", "5", "--max-images", "30", "--seed", seed, "--quiet")
        for seed in (3, 3, 4)
    )
    assert first == second
    assert first != other


def test_importing_the_package_loads_no_torch():
    code = "import idsharp, sys; assert 'torch' not in sys.modules; idsharp.intrinsic_dimension"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_real_cifar_pair_of_the_papers_quickstart(real_data):
    """The quickstart of the papers prints 19 for these 10 000 images, unscaled, k = 20."""
    from idsharp import intrinsic_dimension

    with np.load(real_data / "cifar10_subset.npz") as stored:
        images, labels = stored["train_images"], stored["train_labels"][:, 0]
    # A fifth of them, for time: fewer images lower the estimate a little.
    pair = images[labels < 2][::5]
    assert 16 < intrinsic_dimension(pair, normalization="k-2").value < 20


def test_the_picture_of_duplicates_shows_what_contradicts_itself():
    members = np.array([1, 2, 4])
    splits = np.array(["", "train", "train", "", "test"])
    assert telling_pair(members, np.array(list("xaaxa")), splits) == (1, 4)
    assert telling_pair(members, np.array(list("xabxa")), splits) == (1, 2)
