"""The wheel, installed with one extra at a time where nothing else can be imported."""

from pathlib import Path
from zipfile import Path as ZipPath

import numpy as np
import pytest
from PIL import Image

from idsharp.common.resources import atlas_rows, medmnist_files, published_values, registry
from idsharp.version import __version__
from tests.conftest import ROOT
from tests.datasets.miniatures.xray_dicom import write_dicom
from tests.wheel.environments import execute

pytestmark = pytest.mark.slow
SHARED = ("--max-images", "30", "-k", "4", "--m", "10", "--draws", "2")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Two classes of pictures of 16×16 pixels."""
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for number in range(24):
        file = folder / "ab"[number % 2] / f"{number}.png"
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (16, 16), dtype=np.uint8)).save(file)
    return folder


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """Two classes of DICOM files."""
    folder, rng = tmp_path_factory.mktemp("scans"), np.random.default_rng(0)
    for number in range(24):
        pixels = rng.integers(0, 2000, (16, 16)).astype(np.uint16)
        (folder / "ab"[number % 2]).mkdir(exist_ok=True)
        write_dicom(folder / "ab"[number % 2] / f"{number}.dcm", pixels)
    return folder


def check_figures(environment: Path, folder: Path) -> None:
    text = execute(environment, "idsharp", "measure", folder, *SHARED, "--figures", "figures")
    assert "sharpest pair" in text
    assert {path.suffix for path in (environment / "figures").iterdir()} == {".png", ".pdf"}


def test_with_no_extra_folders_are_measured_and_what_lacks_is_named(installed, pictures, scans):
    environment = installed()
    assert execute(environment, "idsharp", "--version").strip() == f"idsharp {__version__}"
    measured = execute(environment, "idsharp", "measure", pictures, *SHARED, "--against")
    assert "sharpest pair" in measured
    assert "not compared: the papers measure at 224×224" in measured
    needed = execute(environment, "idsharp", "measure", scans, *SHARED, fails=True)
    assert "pip install 'idsharp[medical]'" in needed
    options = (*SHARED, "--figures", "figures")
    needed = execute(environment, "idsharp", "measure", pictures, *options, fails=True)
    assert "pip install 'idsharp[figures]'" in needed
    code = (
        "import numpy as np, idsharp, idsharp.common.resources as r\n"
        "points = np.random.default_rng(0).normal(size=(60, 5))\n"
        "assert 1 < idsharp.intrinsic_dimension(points, k=5).value < 20\n"
        "rows = r.published_values(), r.registry(), r.medmnist_files(), r.atlas_rows()\n"
        "print(r.__file__, *map(len, rows))\n"
        "from idsharp.properties.neighbors.search import nearest_neighbors\n"
        "try:\n    nearest_neighbors(points, 5, method='approximate')\n"
        "except ImportError as error:\n    print(error)\n"
    )
    first, second = execute(environment, "python", "-c", code).splitlines()
    place, *counts = first.split()
    assert Path(place).is_relative_to(environment)
    resources = published_values(), registry(), medmnist_files(), atlas_rows()
    assert counts == [str(len(rows)) for rows in resources]
    assert "pip install 'idsharp[approximate]'" in second


def test_the_extra_figures_brings_all_that_figures_need(installed, pictures):
    check_figures(installed("figures"), pictures)


def test_the_extra_medical_brings_all_that_dicom_needs(installed, scans):
    assert "sharpest pair" in execute(installed("medical"), "idsharp", "measure", scans, *SHARED)


def test_the_two_extras_that_the_documentation_names_go_together(installed, scans):
    check_figures(installed("medical", "figures"), scans)


def test_the_extra_approximate_brings_all_that_large_pools_need(installed):
    # Imported, not run: it would be compiled for minutes.
    code = (
        "from idsharp.properties.neighbors.approximate import _descent; print(_descent().__name__)"
    )
    assert execute(installed("approximate"), "python", "-c", code).strip() == "NNDescent"


def test_the_wheel_holds_every_module(wheel):
    names = ZipPath(wheel).root.namelist()
    assert "idsharp/py.typed" in names
    held = {name for name in names if name.endswith(".py")}
    assert held == {file.relative_to(ROOT).as_posix() for file in (ROOT / "idsharp").rglob("*.py")}
