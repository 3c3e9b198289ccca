"""The scripts that conclude from the replication's records."""

import pandas as pd
import pytest


@pytest.fixture(scope="module")
def found(complete, replication):
    """The answers of the made-up study, in which the law holds."""
    return replication("answers").answers(complete[0])


def estimate(found, over, text):
    rows = found[(found["over"] == over) & found["quantity"].str.startswith(text)]
    assert len(rows) == 1, rows
    return rows.iloc[0]


def test_answers_are_given_over_all_networks_and_of_each(found):
    assert set(found["question"]) == {"2", "3b", "3c", "4", "5"}
    names = {"15 collections", "without the three small ones"}
    networks = {f"15 collections, {name} alone" for name in ("resnet18", "vgg13")}
    assert names | networks <= set(found["over"])
    text = "slope of ln loss on ln K_F, beside (ln N)/d"
    both, *each = (estimate(found, over, text) for over in ("15 collections", *sorted(networks)))
    assert both["low"] < 1 < both["high"] and both["verdict"] == "support"
    assert both["estimate"] != each[0]["estimate"] != each[1]["estimate"]


def test_records_are_read_as_they_were_written(complete, replication, tmp_path, found):
    records, answers = replication("records"), replication("answers")
    records.write_records(complete[0], tmp_path)
    again = answers.answers(records.read_records(tmp_path))
    # Of the made-up representations this is the same number for all, up to rounding.
    of_ratio = found["quantity"].str.startswith("ratio")
    pd.testing.assert_frame_equal(again[~of_ratio], found[~of_ratio], rtol=1e-3)
