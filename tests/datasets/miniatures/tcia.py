"""Series as The Cancer Imaging Archive gives them: DICOM files, their zips, and the server."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

UID_ROOT = "1.3.6.1.4.1.14519.5.2.1"


def uid(*names: object) -> str:
    """A UID of the archive's kind that depends on these names."""
    digits = int(hashlib.sha256(repr(names).encode()).hexdigest()[:24], 16)
    return f"{UID_ROOT}.{digits}"


@dataclass
class SeriesFiles:
    """A series before it is written anywhere: images by the number that is in their header."""

    patient: str
    description: str
    number: int
    images: dict[int, np.ndarray]
    modality: str = "MR"
    #: SOPInstanceUID by number; left out, from the names.
    study: str = ""
    uid: str = ""
    sops: dict[int, str] = field(default_factory=dict)
    _files: dict[int, bytes] = field(default_factory=dict, repr=False)

    def __post_init__(self):
        self.study = self.study or uid(self.patient, "study")
        self.uid = self.uid or uid(self.patient, self.number)
        self.sops = self.sops or {n: uid(self.uid, n) for n in self.images}

    def dicom(self, number: int) -> bytes:
        """The file of one image; 3-D pixels are frames."""
        if number not in self._files:
            self._files[number] = self._make(number)
        return self._files[number]

    def _make(self, number: int) -> bytes:
        import pydicom
        from pydicom.uid import (
            ExplicitVRLittleEndian,
            MRImageStorage,
            UltrasoundMultiFrameImageStorage,
        )

        pixels = self.images[number]
        kind = MRImageStorage if self.modality == "MR" else UltrasoundMultiFrameImageStorage
        data = pydicom.Dataset()
        data.file_meta = pydicom.dataset.FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = kind
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = self.sops[number]
        data.PatientID = data.PatientName = self.patient
        data.StudyInstanceUID, data.SeriesInstanceUID = self.study, self.uid
        data.SeriesDescription, data.SeriesNumber = self.description, self.number
        data.Modality, data.InstanceNumber = self.modality, number
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        if pixels.ndim == 3:
            data.NumberOfFrames = len(pixels)
        data.Rows, data.Columns = pixels.shape[-2:]
        data.BitsAllocated = data.BitsStored = 8 * pixels.itemsize
        data.HighBit, data.PixelRepresentation = data.BitsStored - 1, 0
        data.PixelData = pixels.tobytes()
        stream = io.BytesIO()
        data.save_as(stream, enforce_file_format=True)
        return stream.getvalue()

    def record(self) -> dict:
        """What getSeries says of it."""
        return {
            "SeriesInstanceUID": self.uid, "StudyInstanceUID": self.study,
            "Modality": self.modality, "SeriesDescription": self.description,
            "SeriesNumber": f"{self.number}.000000", "PatientID": self.patient,
            "ImageCount": len(self.images),
            "FileSize": sum(len(self.dicom(n)) for n in self.images), "Authorized": 1,
        }  # fmt: skip

    def zip(self) -> bytes:
        """What getImageWithMD5Hash answers: numbered files in no telling order, then their sums."""
        if 0 not in self._files:
            self._files[0] = self._zip()
        return self._files[0]

    def _zip(self) -> bytes:
        stream, sums = io.BytesIO(), ["Filename,MD5Hash"]
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as stored:
            for place, number in enumerate(sorted(self.images, key=lambda n: self.sops[n]), 1):
                content, name = self.dicom(number), f"{place:08d}.dcm"
                stored.writestr(name, content)
                sums.append(f"{name},{hashlib.md5(content).hexdigest()}")
            stored.writestr("md5hashes.csv", "\n".join(sums) + "\n")
        return stream.getvalue()


def write_classic(root: Path, series: list[SeriesFiles]) -> None:
    """A tree with the Data Retriever's classic names: UIDs, and 1-01.dcm, as wide as is needed."""
    for one in series:
        folder = root / one.patient / one.study / one.uid
        _write(folder, one)
    (root / "LICENSE").write_text("CC BY")


def write_descriptive(root: Path, series: list[SeriesFiles]) -> None:
    """A tree with the Data Retriever's descriptive names, where slashes are left out."""
    for one in series:
        study = f"01-01-1990-NA-MRI BREAST BILATERAL WWO-{one.study[-5:]}"
        name = f"{one.number}.000000-{one.description.replace('/', '')}-{one.uid[-5:]}"
        _write(root / one.patient / study / name, one)


def _write(folder: Path, one: SeriesFiles) -> None:
    folder.mkdir(parents=True)
    width = len(str(max(one.images)))
    for number in one.images:
        (folder / f"1-{number:0{width}d}.dcm").write_bytes(one.dicom(number))


@dataclass
class Server:
    """An NBIA server on loopback, and a plain web folder beside it.

    Attributes:
        nbia: the address of its interface.
        web: the address of the plain folder that holds <collection>/….
        faults: what goes wrong next, by series UID or file name: 503, "drop", "cut", "wrong md5",
            "no list", "short list", "few", "hostile <name>", "link", "bomb", "not zip",
            "compression".
        asked: every request.
    """

    nbia: str
    web: str
    series: dict[str, SeriesFiles]
    tables: dict[str, bytes]
    faults: dict[str, list] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@contextmanager
def serve(collection: str, series: list[SeriesFiles], tables: dict[str, bytes]) -> Iterator[Server]:
    """Serve these series and tables until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            address = urlsplit(self.path)
            name, query = unquote(address.path.rpartition("/")[2]), parse_qs(address.query)
            key = query.get("SeriesInstanceUID", [name.removesuffix(".zip")])[0]
            server.asked.append(key)
            faults = server.faults.get(key, [])
            self.answer(key, name, faults.pop(0) if faults else None, collection in self.path)

        def answer(self, key, name, fault, known):
            if isinstance(fault, int):
                self.send_error(fault)
            elif key in server.series:
                self.body(spoil(server.series[key], fault), fault)
            elif known and (name in ("getSeries", "series.json")):
                self.body(json.dumps([s.record() for s in server.series.values()]).encode(), fault)
            elif name == "getSeries":
                self.body(b"", fault)
            elif name in server.tables:
                self.body(server.tables[name], fault)
            else:
                self.send_error(404)

        def body(self, content, fault):
            self.send_response(200)
            if fault == "drop":
                # A connection that ends before what was announced.
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if fault in ("drop", "cut") else content)

        def log_message(self, *args):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    address = f"http://127.0.0.1:{http.server_port}"
    server = Server(f"{address}/nbia", f"{address}/web", {s.uid: s for s in series}, tables)
    thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def spoil(series: SeriesFiles, fault: str | None) -> bytes:
    """The zip of a series, with one of the faults of `Server`."""
    content = series.zip()
    if fault in (None, "drop", "cut"):
        return content
    if fault == "not zip":
        return b"<html>Service temporarily unavailable</html>"
    with zipfile.ZipFile(io.BytesIO(content)) as stored:
        files = {name: stored.read(name) for name in stored.namelist()}
    names = sorted(files)
    if fault == "wrong md5":
        files[names[0]] = files[names[0]][:-1] + b"\xff"
    elif fault == "no list":
        del files["md5hashes.csv"]
    elif fault == "short list":
        files["md5hashes.csv"] = files["md5hashes.csv"].replace(b".dcm,", b".dcm\n")
    elif fault == "few":
        del files[names[0]]
    elif fault == "bomb":
        files["zeros.dcm"] = bytes(20_000_000)
    elif fault.startswith("hostile "):
        files[fault.removeprefix("hostile ")] = b"x"
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as stored:
        for name, data in files.items():
            stored.writestr(name, data)
        if fault == "link":
            link = zipfile.ZipInfo("link.dcm")
            link.external_attr = 0o120777 << 16
            stored.writestr(link, "/etc/passwd")
    if fault == "compression":
        return with_compression(stream.getvalue(), 97)
    return stream.getvalue()


def with_compression(zipped: bytes, method: int) -> bytes:
    """A zip archive whose last file claims to be compressed by another method."""
    content = bytearray(zipped)
    # In the file's own header and in the directory.
    for signature, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        place = content.rindex(signature) + offset
        content[place : place + 2] = method.to_bytes(2, "little")
    return bytes(content)
