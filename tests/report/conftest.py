"""A made-up study that many tests of the report look at."""

import importlib

import pandas as pd
import pytest

from idsharp.report.tables.build import build_tables
from tests.report.synthetic import LAYERS, NOISY, SOME, Records, study_of


@pytest.fixture(scope="session")
def published(root):
    """The papers' values."""
    return pd.read_csv(root / "resources" / "published.csv")


@pytest.fixture(scope="session")
def complete(tmp_path_factory, published):
    """A study of two networks with two seeds, measured at every block, and all its tables."""
    root = tmp_path_factory.mktemp("study")
    options = {"models": ("resnet18", "vgg13"), "seeds": (0, 1), "layers": LAYERS}
    study = study_of(published, Records(root, SOME, law=NOISY, **options))
    return study, build_tables(study)


@pytest.fixture(scope="session")
def replication(root):
    """A script of benchmarks/replication, as a module, by its name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(root / "benchmarks" / "replication")
        yield importlib.import_module
