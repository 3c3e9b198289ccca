"""Readers of CSV lists, arrays, DICOM and NIfTI, on miniatures written here and on real files."""

import os
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from idsharp.datasets import DatasetError
from idsharp.datasets.errors import ImageRemark, UnreadableImageError
from idsharp.datasets.formats.dicom import read_dicom
from idsharp.tasks.images import to_uint8
from tests.conftest import write_image_folder
from tests.datasets.opening import dataset

# --- CSV ---


def write_table(folder, text):
    write_image_folder(folder / "images", 2, seed=0)
    (folder / "list.csv").write_text(text, encoding="utf-8")
    return folder / "list.csv"


def test_table(tmp_path):
    # A byte-order mark and blanks after commas, as spreadsheets write them.
    path = write_table(
        tmp_path,
        "\ufeffpath,label,patient,grade\n"
        "images/left/left_000.png, benign, p1, 2\nimages/right/right_001.png,malignant,p2,3\n",
    )
    data = dataset("table", path)
    index = data.index()
    assert list(index.columns) == ["id", "where", "label", "patient", "split", "grade"]
    assert index["label"].tolist() == ["benign", "malignant"]
    assert index["patient"].tolist() == ["p1", "p2"]
    assert index["grade"].tolist() == ["2", "3"]
    expected = np.asarray(Image.open(tmp_path / "images" / "right" / "right_001.png"))
    assert (data.read(index["where"][1]) == expected).all()
    assert len(data.locate()) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,diagnosis\na.png,1\n", r"has no column label; its columns are path, diagnosis"),
        ("", r"no column path and no column label; its columns are none"),
        ("path,label\n", r"lists no image"),
        ("path,label\nx.png,1,2\n", r"cannot be read as a CSV file"),
        ("path,label\nimages/left/left_000.png,1\nx.png,\n", r"list\.csv, line 3: no label"),
        ("path,label\nx.png,1\nx.png,0\n", r"more than once, such as x\.png"),
        ("path,label\nnot_there.png,1\n", r"1 files that are not there, such as .*not_there\.png"),
        ("path,label\n../secret.png,1\n", r"\.\./secret\.png leads out of .*--allow-outside"),
        ("path,label\n/etc/hostname,1\n", r"/etc/hostname leads out of"),
    ],
)
def test_table_mistakes_are_explained(tmp_path, text, message):
    with pytest.raises(DatasetError, match=message):
        dataset("table", write_table(tmp_path, text)).index()


def test_table_does_not_follow_links_out_of_its_folder(tmp_path):
    write_image_folder(tmp_path / "elsewhere", 1, seed=0)
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "link.png").symlink_to(tmp_path / "elsewhere" / "left" / "left_000.png")
    (inner / "list.csv").write_text("path,label\nlink.png,a\n")
    with pytest.raises(DatasetError, match="leads out of"):
        dataset("table", inner / "list.csv").index()
    allowed = dataset("table", inner / "list.csv", allow_outside=True)
    assert allowed.read(allowed.index()["where"][0]).shape == (32, 32)


# --- arrays ---


@pytest.mark.parametrize("shape", [(6, 9, 8), (6, 9, 8, 1), (6, 9, 8, 3), (6, 3, 9, 8)])
def test_array(tmp_path, shape):
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.save(tmp_path / "x.npy", images)
    np.save(tmp_path / "y.npy", np.array([[0.0], [1], [0], [1], [0], [1]]))
    data = dataset("array", tmp_path / "x.npy", labels=str(tmp_path / "y.npy"))
    assert data.index()["label"].tolist() == ["0", "1"] * 3
    expected = np.moveaxis(images[4], 0, 2) if shape[1] == 3 else images[4]
    assert (data.read("4") == expected).all()
    np.savez(tmp_path / "x.npz", images=images, labels=np.array(list("ababab")))
    assert dataset("array", tmp_path / "x.npz").index()["label"].tolist() == list("ababab")
    assert set(dataset("array", tmp_path / "x.npy").index()["label"]) == {""}


def test_array_mistakes_are_explained(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((3, 4, 4), np.uint8))
    np.save(tmp_path / "two.npy", np.zeros(2))
    np.save(tmp_path / "half.npy", np.array([0, 0.5, 1]))
    np.save(tmp_path / "flat.npy", np.zeros((3, 16)))
    np.save(tmp_path / "words.npy", np.full((3, 4, 4), "a"))
    (tmp_path / "empty.npy").touch()
    (tmp_path / "text.npy").write_text("no array")
    np.savez(tmp_path / "other.npz", pictures=np.zeros((3, 4, 4)))
    x = tmp_path / "x.npy"
    for path, labels, message in (
        (x, "two.npy", r"3 images, but labels of shape \(2,\)"),
        (x, "half.npy", "labels must be whole numbers or words; 1 of 3 are not, such as 0.5"),
        (x, "none.npy", "there is no file .*none.npy"),
        (x, "other.npz", r"is no \.npy file of labels"),
        (tmp_path / "flat.npy", None, r"array of shape \(3, 16\)"),
        (tmp_path / "words.npy", None, "and type <U1; expected numbers"),
        (tmp_path / "empty.npy", None, "cannot be read as NumPy data"),
        (tmp_path / "text.npy", None, "cannot be read as NumPy data"),
        (tmp_path / "other.npz", None, r"holds \['pictures'\]; expected images and labels"),
    ):
        settings = {} if labels is None else {"labels": str(tmp_path / labels)}
        with pytest.raises(DatasetError, match=message):
            dataset("array", path, **settings).index()


@pytest.mark.parametrize("ids", [np.array(["p1", "p1", "p2"]), np.array([[7], [7], [8]])])
def test_patients_of_arrays_reach_the_index(tmp_path, ids):
    images = np.zeros((3, 4, 4), np.uint8)
    np.savez(tmp_path / "x.npz", images=images, labels=np.arange(3), patients=ids)
    np.save(tmp_path / "x.npy", images)
    np.save(tmp_path / "ids.npy", ids)
    inside = dataset("array", tmp_path / "x.npz", patients="patients").index()
    beside = dataset("array", tmp_path / "x.npy", patients=str(tmp_path / "ids.npy")).index()
    expected = [str(value) for value in ids.reshape(-1)]
    assert inside["patient"].tolist() == beside["patient"].tolist() == expected
    assert inside["label"].tolist() == ["0", "1", "2"]
    # Not without being asked: an array of this name may be anything.
    assert set(dataset("array", tmp_path / "x.npz").index()["patient"]) == {""}


def test_patients_that_do_not_fit_the_images_are_refused(tmp_path):
    images = np.zeros((3, 4, 4), np.uint8)
    np.savez(tmp_path / "x.npz", images=images, patients=np.arange(2))
    with pytest.raises(DatasetError, match=r"3 images, but patients of shape \(2,\)"):
        dataset("array", tmp_path / "x.npz", patients="patients").index()
    with pytest.raises(DatasetError, match="no array 'persons' of patients; it has images, pat"):
        dataset("array", tmp_path / "x.npz", patients="persons").index()
    with pytest.raises(DatasetError, match=r"there is no file .*ids\.npy"):
        dataset("array", tmp_path / "x.npz", patients=str(tmp_path / "ids.npy")).index()


def test_array_pickles_are_never_loaded(tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "exploded"),)

    np.save(tmp_path / "bomb.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    with pytest.raises(DatasetError, match="object arrays are refused"):
        dataset("array", tmp_path / "bomb.npy").index()
    np.savez(tmp_path / "bomb.npz", images=np.array([Bomb()], dtype=object))
    with pytest.raises(DatasetError, match="object arrays are refused"):
        dataset("array", tmp_path / "bomb.npz").index()
    assert not (tmp_path / "exploded").exists()


# --- DICOM ---


def write_dicom(file, pixels, compression=None, **tags):
    """A minimal DICOM file of grey pixels, H×W or frames×H×W, or of colour, …H×W×3."""
    pydicom = pytest.importorskip("pydicom")
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    data = pydicom.Dataset()
    data.file_meta = meta
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    colour = pixels.ndim == 4 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    data.SamplesPerPixel = 3 if colour else 1
    data.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        data.PlanarConfiguration = 0
    if pixels.ndim - colour == 3:
        data.NumberOfFrames = len(pixels)
    data.Rows, data.Columns = pixels.shape[-3:-1] if colour else pixels.shape[-2:]
    data.BitsAllocated = data.BitsStored = 8 * pixels.itemsize
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    data.PixelData = pixels.tobytes()
    for name, value in tags.items():
        setattr(data, name, value)
    if compression is not None:
        data.compress(getattr(pydicom.uid, compression))
    file.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(file, enforce_file_format=True)


GRADIENT = (np.arange(48).reshape(6, 8) * 20).astype(np.int16)


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


# --- NIfTI ---


def write_nifti(file, values, affine=None):
    nibabel = pytest.importorskip("nibabel")
    file.parent.mkdir(parents=True, exist_ok=True)
    affine = np.eye(4) if affine is None else affine
    nibabel.save(nibabel.Nifti1Image(values, affine), file)


VOLUME = np.arange(4 * 5 * 10, dtype=np.int16).reshape(4, 5, 10)


def test_nifti_slices(tmp_path):
    write_nifti(tmp_path / "no" / "p1.nii.gz", VOLUME)
    write_nifti(tmp_path / "yes" / "p2.nii", VOLUME + 1)
    data = dataset("nifti", tmp_path, central=0.4)
    index = data.index()
    assert index["id"].tolist()[:4] == [f"no/p1.nii.gz#{z}" for z in (3, 4, 5, 6)]
    assert index["label"].tolist() == ["no"] * 4 + ["yes"] * 4
    assert set(index["patient"]) == {"no/p1.nii.gz", "yes/p2.nii"}
    # Front at the top, the patient's right at the left.
    assert (data.read("no/p1.nii.gz#3") == VOLUME[::-1, ::-1, 3].T).all()
    assert len(dataset("nifti", tmp_path).index()) == 20


def test_nifti_orientation_does_not_depend_on_how_it_is_stored(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    write_nifti(tmp_path / "ras.nii", VOLUME)
    canonical = nibabel.load(tmp_path / "ras.nii")
    turned = canonical.as_reoriented(np.array([[2, 1], [0, -1], [1, -1]]))
    nibabel.save(turned, tmp_path / "turned.nii")
    assert turned.shape != VOLUME.shape
    data = dataset("nifti", tmp_path)
    index = data.index()
    assert index["patient"].value_counts().to_dict() == {"ras.nii": 10, "turned.nii": 10}
    for z in range(10):
        assert (data.read(f"ras.nii#{z}") == data.read(f"turned.nii#{z}")).all()


def test_nifti_channels_and_mistakes(tmp_path):
    both = np.stack([VOLUME, VOLUME * 2], axis=3)
    write_nifti(tmp_path / "x.nii", both)
    assert (dataset("nifti", tmp_path, channel=1).read("x.nii#0") == both[::-1, ::-1, 0, 1].T).all()
    with pytest.warns(ImageRemark, match="the first was read"):
        assert (dataset("nifti", tmp_path).read("x.nii#0") == both[::-1, ::-1, 0, 0].T).all()
    with pytest.raises(DatasetError, match="has 2 channels; channel 2 is none of 0 to 1"):
        dataset("nifti", tmp_path, channel=2).index()
    write_nifti(tmp_path / "five" / "x.nii", both[..., None] * np.ones(2, np.int16))
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "x.nii").write_text("no volume")
    for folder, reason in (("five", r"has shape \(4, 5, 10, 2, 2\)"), ("bad", "cannot be read as")):
        # Listed, so that whoever reads it may leave it out.
        data = dataset("nifti", tmp_path / folder)
        assert data.index()["id"].tolist() == ["x.nii#0"]
        with pytest.raises(UnreadableImageError, match=rf"x\.nii: {reason}"):
            data.read("x.nii#0")
    write_nifti(tmp_path / "cut" / "x.nii", VOLUME)
    whole = (tmp_path / "cut" / "x.nii").read_bytes()
    (tmp_path / "cut" / "x.nii").write_bytes(whole[:-40])
    with pytest.raises(UnreadableImageError, match=r"x\.nii: cannot be read as NIfTI"):
        dataset("nifti", tmp_path / "cut").read("x.nii#2")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="holds no NIfTI volume"):
        dataset("nifti", tmp_path / "empty").index()


def test_real_nifti(real_data):
    pytest.importorskip("nibabel")
    folder = real_data / "original_formats" / "nifti_nibabel"
    data = dataset("nifti", folder, central=0.5)
    index = data.index()
    assert index["patient"].value_counts().to_dict() == {
        "anatomical.nii": 12, "example4d.nii.gz": 12, "functional.nii": 2,
    }  # fmt: skip
    assert data.read("anatomical.nii#12").shape == (41, 33)
    assert data.read("example4d.nii.gz#12").shape == (96, 128)
