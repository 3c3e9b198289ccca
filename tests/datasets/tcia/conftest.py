"""What tests of collections of The Cancer Imaging Archive share."""

import pytest

from tests.datasets.miniatures import duke, prostate, tcia
from tests.datasets.tcia.collections import DUKE_FILES


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch):
    monkeypatch.setattr("idsharp.datasets.download.resume.PAUSES", (0, 0, 0))
    monkeypatch.setattr("idsharp.datasets.download.nbia._PAUSE", 0)


@pytest.fixture(scope="module")
def duke_series():
    return duke.series()


@pytest.fixture
def duke_copy(tmp_path, duke_series):
    """A user's complete copy, as the Data Retriever leaves it; names by the test's parameter."""

    def write(names="classic", tables=("boxes", "files")):
        home = tmp_path / "copy"
        root = home / "manifest-1654812109500" / duke.COLLECTION
        every = list(duke_series.values())
        (tcia.write_classic if names == "classic" else tcia.write_descriptive)(root, every)
        if "boxes" in tables:
            (home / "Annotation_Boxes.csv").write_bytes(duke.boxes_csv())
        if "files" in tables:
            (root.parent / f"{DUKE_FILES}.csv").write_bytes(duke.mapping_csv())
        return home

    return write


@pytest.fixture
def prostate_copy(tmp_path):
    tcia.write_classic(tmp_path / "copy" / prostate.COLLECTION, prostate.series())
    (tmp_path / "copy" / "Target Data_2019-12-05.csv").write_bytes(prostate.sheet_csv())
    return tmp_path / "copy"


@pytest.fixture
def duke_server(duke_series):
    tables = {f"{DUKE_FILES}.xlsx": b"", "Annotation_Boxes.xlsx": b""}
    with tcia.serve(duke.COLLECTION, list(duke_series.values()), tables) as server:
        yield server


@pytest.fixture
def duke_home(tmp_path):
    """A folder with the tables alone."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "Annotation_Boxes.csv").write_bytes(duke.boxes_csv())
    (home / f"{DUKE_FILES}.csv").write_bytes(duke.mapping_csv())
    return home
