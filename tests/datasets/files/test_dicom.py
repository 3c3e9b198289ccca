"""DICOM files: pixels, headers, and what is wrong with them."""

import tracemalloc

import numpy as np
import pytest

from idsharp.datasets import DatasetError
from idsharp.datasets.errors import UnreadableImageError
from idsharp.datasets.formats.dicom import read_dicom
from idsharp.tasks.images import to_uint8
from tests.datasets.miniatures.dicom import GRADIENT, write_dicom
from tests.datasets.opening import dataset


def test_dicom_in_the_units_of_its_modality(tmp_path):
    write_dicom(
        tmp_path / "a" / "x.dcm", GRADIENT - 100, RescaleSlope="2", RescaleIntercept="-1024",
        WindowCenter=[40, 80], WindowWidth=[80, 300], PatientID="P7",
    )  # fmt: skip
    write_dicom(tmp_path / "b" / "y.dcm", GRADIENT, PhotometricInterpretation="MONOCHROME1")
    data = dataset("dicom", tmp_path)
    index = data.index()
    assert index[["id", "label", "patient"]].to_numpy().tolist() == [
        ["a/x.dcm", "a", "P7"], ["b/y.dcm", "b", ""],
    ]  # fmt: skip
    assert (data.read(index["where"][0]) == (GRADIENT - 100.0) * 2 - 1024).all()
    assert (data.read(index["where"][1]) == -1 - GRADIENT).all()
    assert to_uint8(data.read(index["where"][0])).max() == 255


def test_dicom_frames_colours_and_names_without_suffix(tmp_path):
    frames = np.stack([GRADIENT, GRADIENT[::-1], GRADIENT.T.reshape(6, 8)])
    colour = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    write_dicom(tmp_path / "a" / "1.2.840.17", frames)
    write_dicom(tmp_path / "a" / "IMG00002", colour)
    (tmp_path / "a" / "notes").write_text("no image")
    data = dataset("dicom", tmp_path)
    index = data.index()
    assert index["id"].tolist() == [*(f"a/1.2.840.17#{i}" for i in range(3)), "a/IMG00002"]
    for where, expected in zip(index["where"], [*frames, colour], strict=True):
        assert (data.read(where) == expected).all()
    single = dataset("dicom", tmp_path / "a" / "IMG00002").index()
    assert single[["id", "label"]].to_numpy().tolist() == [["IMG00002", ""]]


def test_dicom_frames_are_one_group(tmp_path):
    write_dicom(tmp_path / "a" / "x.dcm", np.stack([GRADIENT, GRADIENT + 1]))
    write_dicom(tmp_path / "a" / "y#1.dcm", GRADIENT)
    data = dataset("dicom", tmp_path)
    groups = [data.group(where) for where in data.index()["where"]]
    assert groups == ["a/x.dcm", "a/x.dcm", "a/y#1.dcm"]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_dicom_frames_of_any_depth_in_colour(tmp_path, dtype):
    rng = np.random.default_rng(0)
    frames = rng.integers(0, np.iinfo(dtype).max, (3, 6, 8, 3), dtype=dtype)
    write_dicom(tmp_path / "x.dcm", frames)
    data = dataset("dicom", tmp_path)
    for frame, where in zip(frames, data.index()["where"], strict=True):
        assert (data.read(where) == frame).all()


@pytest.mark.parametrize("compression", ["JPEG2000Lossless", "RLELossless"])
def test_dicom_compressed_without_loss(tmp_path, compression):
    pytest.importorskip("openjpeg")
    rng = np.random.default_rng(0)
    frames = rng.integers(-2000, 2000, (2, 32, 40), dtype=np.int16)
    write_dicom(tmp_path / "x.dcm", frames, compression, RescaleSlope="1", RescaleIntercept="-24")
    assert (dataset("dicom", tmp_path).read("x.dcm#1") == frames[1] - 24.0).all()


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("signed", [False, True])
def test_a_picture_stored_bright_or_dark_first_is_the_same(tmp_path, bits, signed):
    lowest = -(2 ** (bits - 1)) if signed else 0
    dtype = np.dtype(f"{'i' if signed else 'u'}{1 if bits == 8 else 2}")
    # Neither the darkest nor the brightest value that can be stored occurs.
    picture = np.random.default_rng(0).integers(lowest + 9, lowest + 2**bits - 50, (6, 8), dtype)
    tags = {"BitsStored": bits, "HighBit": bits - 1, "RescaleSlope": "1.5", "RescaleIntercept": "7"}
    turned = (2 * lowest + 2**bits - 1 - picture.astype(int)).astype(dtype)
    write_dicom(tmp_path / "a.dcm", picture, **tags)
    write_dicom(tmp_path / "b.dcm", turned, **tags | {"PhotometricInterpretation": "MONOCHROME1"})
    first, second = (read_dicom(tmp_path / name) for name in ("a.dcm", "b.dcm"))
    assert first.dtype == second.dtype
    assert (first == second).all()
    assert (to_uint8(first) == to_uint8(second)).all()


def test_dicom_inverted_values_do_not_overflow(tmp_path):
    whole = np.array([[-32768, 0], [1, 32767]], np.int16)
    write_dicom(tmp_path / "x.dcm", whole, PhotometricInterpretation="MONOCHROME1")
    found = dataset("dicom", tmp_path).read("x.dcm#0")
    assert found.tolist() == [[32767, -1], [-2, -32768]]


@pytest.mark.parametrize("compression", [None, "RLELossless"])
def test_dicom_headers_that_claim_too_much_are_not_believed(tmp_path, compression):
    pydicom = pytest.importorskip("pydicom")
    claims = [
        ("frames", {"NumberOfFrames": "1000000000"}),
        ("pixels", {"Rows": 65535, "Columns": 65535}),
    ]
    for name, claim in claims:
        file = tmp_path / name / "x.dcm"
        write_dicom(file, np.tile(GRADIENT, (20, 20)), compression)
        header = pydicom.dcmread(file)
        for tag, value in claim.items():
            setattr(header, tag, value)
        header.save_as(file)
        data = dataset("dicom", tmp_path / name)
        tracemalloc.start()
        assert data.index()["id"].tolist() == ["x.dcm"]
        with pytest.raises(UnreadableImageError, match=r"x\.dcm: claims .* file cannot hold"):
            data.read("x.dcm#0")
        assert tracemalloc.get_traced_memory()[1] < 2e7
        tracemalloc.stop()


def test_headers_of_many_files_are_read_in_several_processes(tmp_path, monkeypatch):
    from idsharp.common import parallel

    for number in range(5):
        write_dicom(tmp_path / "a" / f"{number}.dcm", GRADIENT, PatientID=f"P{number}")
    whole = parallel.map_in_processes
    monkeypatch.setattr(parallel, "usable_cores", lambda: 2)
    monkeypatch.setattr(
        "idsharp.datasets.files.dicom.map_in_processes",
        lambda work, files, what, **_: whole(work, files, what, together=2, few=2),
    )
    index = dataset("dicom", tmp_path).index()
    assert index["patient"].tolist() == [f"P{number}" for number in range(5)]


def test_dicom_enhanced_objects_have_a_scale_by_frame(tmp_path):
    pydicom = pytest.importorskip("pydicom")
    groups = []
    for slope in (1, 3):
        transformation = pydicom.Dataset()
        transformation.RescaleSlope, transformation.RescaleIntercept = slope, 5
        group = pydicom.Dataset()
        group.PixelValueTransformationSequence = [transformation]
        groups.append(group)
    write_dicom(
        tmp_path / "x.dcm", np.stack([GRADIENT, GRADIENT]), PerFrameFunctionalGroupsSequence=groups
    )
    assert (dataset("dicom", tmp_path).read("x.dcm#1") == GRADIENT * 3.0 + 5).all()


def test_dicom_mistakes_are_explained(tmp_path):
    pytest.importorskip("pydicom")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="holds no DICOM image"):
        dataset("dicom", tmp_path / "empty").index()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "text.dcm").write_text("no DICOM")
    data = dataset("dicom", tmp_path / "bad")
    with pytest.raises(UnreadableImageError, match=r"text\.dcm: cannot be read as DICOM"):
        data.read(data.index()["where"][0])
    write_dicom(tmp_path / "cut" / "x.dcm", GRADIENT)
    whole = (tmp_path / "cut" / "x.dcm").read_bytes()
    (tmp_path / "cut" / "x.dcm").write_bytes(whole[:-40])
    data = dataset("dicom", tmp_path / "cut")
    with pytest.raises(UnreadableImageError, match=r"x\.dcm: cannot be read as DICOM"):
        data.read(data.index()["where"][0])
    write_dicom(tmp_path / "mixed" / "a" / "x.dcm", GRADIENT)
    write_dicom(tmp_path / "mixed" / "loose.dcm", GRADIENT)
    data = dataset("dicom", tmp_path / "mixed")
    assert data.index()["id"].tolist() == ["a/x.dcm"]
    assert str(data.left_out) == "1 files beside the class folders"
    with pytest.raises(DatasetError, match="leads out of"):
        dataset("dicom", tmp_path / "bad").read("../cut/x.dcm#0")


@pytest.mark.parametrize(("module", "adapter"), [("pydicom", "dicom"), ("nibabel", "nifti")])
def test_missing_packages_are_named(tmp_path, monkeypatch, module, adapter):
    monkeypatch.setitem(__import__("sys").modules, module, None)
    (tmp_path / "x.dcm").touch()
    (tmp_path / "x.nii").touch()
    with pytest.raises(DatasetError, match=rf"needs {module}.*idsharp\[medical\]"):
        dataset(adapter, tmp_path).index()


def test_real_dicom_of_every_kind(real_data):
    pytest.importorskip("pydicom")
    pytest.importorskip("openjpeg")
    data = dataset("dicom", real_data / "original_formats" / "dicom_pydicom" / "98892003")
    assert set(data.index()["label"]) == {"MR1", "MR2", "MR700"}
    files = {"CT_small.dcm": (128, 128), "MR_small.dcm": (64, 64), "MR_small_RLE.dcm": (64, 64),
             "J2K_pixelrep_mismatch.dcm": (512, 512)}  # fmt: skip
    pixels = {}
    for name, shape in files.items():
        one = dataset("dicom", real_data / "original_formats" / "dicom_pydicom" / name)
        pixels[name] = one.read(one.index()["where"][0])
        assert pixels[name].shape == shape
    assert (pixels["MR_small.dcm"] == pixels["MR_small_RLE.dcm"]).all()
    # Hounsfield units: air about the head is near −1000.
    assert -1100 < np.percentile(pixels["CT_small.dcm"], 1) < -800
