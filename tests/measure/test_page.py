"""The page of `--report`, read as text and by a browser."""

import re

import numpy as np
import pytest

from idsharp.measure.cli import main
from idsharp.measure.verdict import verdict
from tests.conftest import blobs
from tests.measure.browser import look


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Of a collection with a copy, a conflict, and labels that are HTML."""
    folder = tmp_path_factory.mktemp("page")
    images = np.concatenate([blobs(30, 0, 0), blobs(30, 1, 0)])
    images[2], images[35] = images[0], images[5]
    labels = np.repeat(["<b>left</b>", "right & more"], 30)
    np.savez(folder / "x.npz", images=images, labels=labels)
    main(["measure", str(folder / "x.npz"), "-k", "5", "--m", "20", "--draws", "3", "--quiet",
          "--report", str(folder / "out.html"), "--against"])  # fmt: skip
    return folder / "out.html"


def test_it_says_what_was_found_and_needs_nothing_else(page):
    text = page.read_text(encoding="utf-8")
    assert "2 images are identical to one with another label" in text
    assert "<b>left" not in text
    assert "&lt;b&gt;left&lt;/b&gt;" in text
    assert text.count("<svg") == 3
    assert text.count("data:image/png") >= 2 * 6
    # Nothing is fetched: no link leads out, but for the names of SVG's languages.
    links = set(re.findall(r'(?:src|href|url)[=(]"?([^")> ]+)', text))
    assert {link for link in links if not link.startswith(("data:", "#"))} == set()
    assert "<script" not in text
    assert "idsharp_version" in text


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
def test_a_browser_shows_it(page, dark):
    seen, console = look(page, 400, dark)
    assert console == []
    assert seen["loaded"] == []
    assert min(seen["images"]) > 0
    assert min(seen["svgs"]) > 100
    # Narrow windows scroll up and down alone.
    assert seen["width"] <= seen["window"] == 400
    light = [int(value) for value in re.findall(r"\d+", seen["page"])[:3]]
    ink = [int(value) for value in re.findall(r"\d+", seen["ink"])[:3]]
    assert (max(light) < 60 and min(ink) > 180) if dark else (min(light) > 240 and max(ink) < 60)


def test_the_verdict_begins_with_what_must_be_done():
    record = {
        "id_mle_k1": 12.0, "id_mle_k1_low": 11.0, "id_mle_k1_high": 13.0, "k": 20, "n_images": 900,
        "id_twonn_10pct": 6.0, "label_sharpness": None, "label_sharpness_reason": "one class",
        "n_duplicate_images_across_classes": 0, "n_near_duplicate_pairs_across_classes": 3,
        "n_test_images_also_in_training": 7, "n_duplicates": 9, "n_near_duplicate_pairs": 20,
        "n_left_out": 0, "n_unreadable": 0, "n_audited": 1000,
    }  # fmt: skip
    found = verdict(record)
    assert [sentence.warns for sentence in found] == [True, True, False, False, False, False]
    text = " ".join(sentence.text for sentence in found)
    assert "3 pairs of nearly identical images have different labels" in text
    assert "7 test images also occur outside the test set" in text
    assert "12.0 (95 % interval 11.0 to 13.0; MLE (k−1), k = 20, 900 images)" in text
    assert "TwoNN (−10 %) gives 6.0: the dimension depends on the scale" in text
    assert "Label sharpness is undefined: one class" in text
    agreeing = verdict(record | {"id_twonn_10pct": 11.0})
    assert len(agreeing) == len(found) - 1
