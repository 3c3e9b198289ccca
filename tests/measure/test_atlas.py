"""One's own images among those of made-up atlases, and what is predicted from these."""

import json

import jsonschema
import numpy as np
import pytest

from idsharp.common.resources import atlas_rows
from idsharp.measure import atlas, prediction
from idsharp.measure.atlas import collections_of, differences, obstacle, read_atlas
from idsharp.measure.cli import main
from idsharp.measure.compared import Compared
from idsharp.measure.expected import expect
from idsharp.measure.page import in_words
from idsharp.measure.placing import place
from idsharp.measure.plots import expected
from idsharp.measure.prediction import fit
from tests.conftest import ROOT, blobs

SCHEMA = json.loads((ROOT / "docs" / "measure.schema.json").read_text(encoding="utf-8"))
SIZES = (250, 400, 630, 1000)
RECORD = {
    "name": "mine", "height": 64, "width": 64, "channels": 1, "scaling": "maximum", "k": 20,
    "n_images": 2000, "n_classes": 2, "id_mle_k1": 12.5, "id_mle_k1_low": 11.4,
    "id_mle_k1_high": 13.6, "label_sharpness": 6.1e-4, "label_sharpness_m": 1000,
    "label_sharpness_n": 2000,
}  # fmt: skip


@pytest.fixture(autouse=True)
def few_permutations(monkeypatch):
    monkeypatch.setattr(prediction, "PERMUTATIONS", 99)


def true_accuracy(d, sharpness, n):
    return 0.45 + 0.03 * np.log(n) + 2 / d - 0.05 * (np.log(sharpness) + 7.5)


def made_up(
    holds: bool, n_collections: int = 14, noise: float = 0.005, seed: int = 0
) -> list[dict]:
    """Rows as of the file; accuracy and loss follow the law, or nothing but N."""
    rng, rows = np.random.default_rng(seed), []
    for i in range(n_collections):
        d, sharpness = 8 + i, 3e-4 * np.exp(rng.uniform(0, 1.5))
        row = {"task": f"t{i}", "collection": f"c{i}", "domain": ("natural", "radiology")[i % 2],
               "instead_of": "", "id_mle_k1": d, "label_sharpness": sharpness,
               "label_sharpness_m": 1000, "epochs": 15}  # fmt: skip
        lie = rng.normal(0, 0.08)
        for n in SIZES:
            to = true_accuracy(d, sharpness, n) if holds else true_accuracy(15, 5e-4, n) + lie
            to += rng.normal(0, noise)
            row |= {f"highest_test_accuracy_n{n}": to, f"test_loss_n{n}": np.exp(-3 * to)}
        rows.append(row)
    del rows[0]["test_loss_n1000"], rows[0]["highest_test_accuracy_n1000"]
    names = dict.fromkeys(name for row in rows for name in row)
    return [{name: str(row.get(name, "")) for name in names} for row in rows]


def test_the_atlas_is_read_without_what_does_not_compare():
    rows = made_up(holds=True)
    rows[1]["instead_of"] = "t0"
    rows[2]["label_sharpness_m"] = "282"
    rows[3]["id_mle_k1"] = ""
    tasks = read_atlas(rows)
    assert [task.name for task in tasks] == [f"t{i}" for i in (0, *range(4, 14))]
    assert "test_loss_n1000" not in tasks[0].values


def test_a_collection_is_the_mean_of_its_tasks():
    rows = made_up(holds=True)[:2]
    for row, sharpness in zip(rows, ("1e-4", "4e-4"), strict=True):
        row |= {"collection": "both", "label_sharpness": sharpness}
    (both,) = collections_of(read_atlas(rows))
    assert both.dimension == pytest.approx(8.5)
    assert both.sharpness == pytest.approx(2e-4)


def test_a_dataset_has_its_place_and_its_neighbors():
    rows = made_up(holds=True)
    rows[4]["label_sharpness"] = "6e-4"  # of dimension 12
    placed = place(RECORD, read_atlas(rows))
    below = sum(float(row["label_sharpness"]) < 6.1e-4 for row in rows)
    ranks = placed.record["ranks"]
    assert ranks["id_mle_k1"] == {"value": 12.5, "above": 5, "low": 4, "high": 6, "of": 14}
    assert ranks["label_sharpness"] == {"value": 6.1e-4, "above": below, "of": 14}
    assert placed.record["nearest"][0]["task"] == "t4"
    first, second = (each.text for each in placed.sentences)
    assert "12.5, is above that of 5 of the atlas's 14 collections" in first
    assert "4 to 6 within its 95 % interval" in first
    assert f"6.10e-04, above that of {below}." in first
    assert second.startswith("Nearest in both: t4 (c4, natural: ID 12.0, K_F 6.00e-04)")
    assert [name for name, _, _ in placed.charts[0].rows].index("mine") == 5


def test_without_labels_the_dimension_alone_is_placed():
    record = RECORD | {
        "label_sharpness": None,
        "n_classes": 0,
        "label_sharpness_reason": "no class",
    }
    del record["label_sharpness_m"]
    tasks = read_atlas(made_up(holds=True))
    placed = place(record, tasks)
    assert "K_F" not in placed.sentences[0].text
    assert "undefined here (no class)" in placed.charts[1].reason
    assert len(placed.charts[0].rows) == 15
    assert "undefined here (no class)" in expect(record, tasks, (0.9,)).record["reason"]


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        ({"height": 28}, "--size 64"),
        ({"channels": 3}, "--channels 1"),
        ({"scaling": "none"}, "--scaling maximum"),
        ({"k": 5}, "-k 20"),
        ({"label_sharpness_m": 100}, "--m 1000"),
        ({"id_mle_k1": None, "id_mle_k1_reason": "equally far"}, "equally far"),
    ],
)
def test_what_does_not_compare_says_what_to_do(change, advice):
    tasks = read_atlas(made_up(holds=True))
    assert obstacle(RECORD) is None
    assert advice in obstacle(RECORD | change)
    placed = place(RECORD | change, tasks)
    assert not any(chart.rows for chart in placed.charts)
    assert [each.warns for each in placed.sentences] == [True]
    assert advice in expect(RECORD | change, tasks, (0.9,)).record["reason"]


def test_what_compares_with_care_is_warned_of():
    assert not differences(RECORD)
    few = RECORD | {"n_images": 600, "label_sharpness_m": 600, "label_sharpness_n": 600}
    size, m = (each.text for each in differences(few))
    assert "600 images were measured" in size
    assert "lower" in size
    assert "M = 600" in m
    (many,) = differences(RECORD | {"n_images": 7500})
    assert "higher than it would there (add --max-images 2000)" in many.text
    assert "3 classes" in differences(RECORD | {"n_classes": 3})[0].text
    tasks = read_atlas(made_up(holds=True))
    assert place(few, tasks).sentences[0].warns
    assert "--classes" in expect(RECORD | {"n_classes": 3}, tasks, (0.9,)).record["reason"]


def test_where_the_law_holds_it_predicts():
    tasks = read_atlas(made_up(holds=True))
    found = expect(RECORD, tasks, (0.9,))
    for row in found.record["expected"]:
        truth = true_accuracy(12.5, 6.1e-4, row["n_train"])
        assert row["accuracy"] == pytest.approx(truth, abs=0.02)
        assert row["accuracy_low"] < truth < row["accuracy_high"]
        assert row["loss_low"] < np.exp(-3 * truth) < row["loss_high"]
        assert row["accuracy_high"] - row["accuracy_low"] < 0.06
    judged = found.record["cross_validation"]["accuracy"]
    assert judged["beats_mean"]
    assert judged["error"] < 0.3 * judged["mean_error"]
    assert "The atlas predicts accuracy better than its mean" in found.sentences[0].text
    assert [row["n_train"] for row in found.record["expected"]] == list(SIZES)
    # Another dataset is expected to do otherwise.
    other = expect(RECORD | {"id_mle_k1": 20.0}, tasks, (0.9,))
    assert other.record["expected"][0]["accuracy"] < found.record["expected"][0]["accuracy"] - 0.05


def test_where_it_does_not_the_mean_is_shown_and_it_says_so():
    tasks = read_atlas(made_up(holds=False))
    found, other = (expect(RECORD | {"id_mle_k1": d}, tasks, (0.9,)) for d in (9.0, 20.0))
    assert found.record["expected"] == other.record["expected"]
    judged = found.record["cross_validation"]["accuracy"]
    assert not judged["beats_mean"]
    said = found.sentences[0]
    assert said.warns
    assert said.text.startswith("The atlas cannot predict accuracy better than its mean: ")
    assert f"{judged['error']:.3g} in accuracy from dimension and sharpness" in said.text
    assert f"{judged['mean_error']:.3g} from the mean" in said.text
    spread = read_atlas(made_up(holds=False))
    for task in spread:
        task.values["highest_test_accuracy_n1000"] = 0.99
    ends = expect(RECORD, spread, ()).record["expected"][-1]
    assert ends["accuracy_high"] == 1.0
    assert ends["loss_low"] >= 0
    mean = np.mean([task.values["highest_test_accuracy_n400"] for task in tasks])
    assert found.record["expected"][1]["accuracy"] == pytest.approx(mean, abs=0.03)


def test_images_needed_are_where_the_curve_reaches_the_accuracy():
    tasks = read_atlas(made_up(holds=True))
    at = expect(RECORD, tasks, ()).record["expected"][2]
    wanted = (at["accuracy"], at["accuracy_low"], at["accuracy_high"], 0.01, 0.9999)
    middle, low, high, little, much = expect(RECORD, tasks, wanted).record["images_for_accuracy"]
    assert [middle["n_train"], low["high"], high["low"]] == pytest.approx([630] * 3)
    assert little["n_train"] is None
    assert little["words"] == "fewer than 250 (fewer than 250)"
    assert much["words"] == "more than 1000 (more than 1000)"


def test_few_collections_predict_nothing():
    tasks = read_atlas(made_up(holds=True, n_collections=8))
    reason = expect(RECORD, tasks, (0.9,)).record["reason"]
    assert reason == "the atlas has 8 collections with trained networks, 9 are needed"
    rows = made_up(holds=True)
    bare = [{name: text for name, text in row.items() if "_n" not in name} for row in rows]
    assert (
        "0 collections with trained networks"
        in expect(RECORD, read_atlas(bare), ()).record["reason"]
    )


def test_what_lies_outside_the_atlas_is_said():
    tasks = read_atlas(made_up(holds=True))
    first = expect(RECORD | {"id_mle_k1": 40.0}, tasks, (0.9,)).sentences[0]
    assert first.warns
    assert "40.0, lies outside the atlas's collections (8.0 to 21.0)" in first.text


def test_the_band_holds_whole_curves_of_new_collections_as_often_as_it_says(monkeypatch):
    monkeypatch.setattr(prediction, "PERMUTATIONS", 9)
    rng, inside = np.random.default_rng(0), []
    names, log_n = np.repeat(np.arange(14), 4), np.tile(np.log(SIZES), 14)
    for _ in range(150):
        terms = rng.normal(size=(15, 2)).repeat(4, axis=0)
        noise = rng.standard_t(4, 15).repeat(4) + 0.3 * rng.normal(size=60)
        response = np.append(log_n, np.log(SIZES)) + terms @ [2, -2] + noise
        found = fit(log_n, terms[:56], response[:56], names)
        low, _, high = found.curve(SIZES, terms[56])
        inside.append(((low <= response[56:]) & (response[56:] <= high)).all())
    assert 0.85 < np.mean(inside) < 0.99


def test_each_collection_has_the_same_weight():
    rng = np.random.default_rng(1)
    names, log_n = np.repeat(np.arange(10), 4), np.tile(np.log(SIZES), 10)
    terms, response = rng.normal(size=(10, 2)).repeat(4, axis=0), rng.normal(size=40)
    again = np.append(np.arange(40), np.arange(4))
    once, twice = (fit(log_n[i], terms[i], response[i], names[i]) for i in (np.arange(40), again))
    assert once.coefficients == pytest.approx(twice.coefficients)
    assert (once.error, once.mean_error) == pytest.approx((twice.error, twice.mean_error))


@pytest.fixture
def images(tmp_path):
    pixels = np.concatenate([blobs(30, 0, 0), blobs(30, 1, 0)])
    np.savez(tmp_path / "x.npz", images=pixels, labels=np.repeat([0, 1], 30))
    return tmp_path / "x.npz"


def test_the_command_shows_it(tmp_path, capsys, images, monkeypatch):
    monkeypatch.setattr(atlas, "atlas_rows", lambda: made_up(holds=True))
    main(["measure", str(images), "--against", "atlas", "--accuracy", "0.7",
          "--json", str(tmp_path / "x.json")])  # fmt: skip
    shown = capsys.readouterr()
    assert "measured as the atlas was: --size 64 --max-images 2000" in shown.err
    assert "64×64 (resized), gray" in shown.out
    for words in ("→ x.npz", "of the atlas's 14 collections", "* 60 images were measured",
                  "630 training images", "for an accuracy of 0.7", "predicts loss"):  # fmt: skip
        assert words in shown.out, words
    record = json.loads((tmp_path / "x.json").read_text())
    assert not list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(record))


def test_the_page_and_the_pictures_show_it():
    tasks = read_atlas(made_up(holds=True))
    placed, found = place(RECORD, tasks), expect(RECORD, tasks, (0.9,))
    sentences = placed.sentences + found.sentences
    shown = in_words(Compared(placed.charts, sentences, found.sections, expected=found))
    assert "<h2>In the atlas</h2>" in shown
    assert "is above that of 5 of the atlas&#x27;s 14 collections" in shown
    assert "<caption>Training images needed</caption>" in shown
    accuracy, loss = expected(found).axes
    # Every collection, the band's middle, and nothing else.
    assert len(accuracy.lines) == len(loss.lines) == 14 + 1
    assert accuracy.lines[-1].get_ydata() == pytest.approx(
        [row["accuracy"] for row in found.record["expected"]]
    )


def test_what_is_given_is_kept_and_refused_where_it_does_not_compare(tmp_path, images, monkeypatch):
    monkeypatch.setattr(atlas, "atlas_rows", lambda: made_up(holds=True))
    main(["measure", str(images), "--against", "atlas", "--size", "32", "--predict", "--quiet",
          "--json", str(tmp_path / "x.json")])  # fmt: skip
    record = json.loads((tmp_path / "x.json").read_text())
    assert record["height"] == 32
    assert "add --size 64" in record["placed"]["reason"]
    assert "add --size 64" in record["predicted"]["reason"]
    assert not list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(record))


def test_the_atlas_that_is_shipped_is_whole():
    tasks = read_atlas()
    assert len(collections_of(tasks)) >= 15
    rows = atlas_rows()
    assert all(row["tells_apart"] and row["source"] and row["collection"] for row in rows)
    assert {row["image_size"] for row in rows} == {"64"}
