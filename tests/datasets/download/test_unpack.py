"""Archives, whole, damaged, interrupted and hostile."""

import io
import os
import stat
import tarfile
import zipfile

import pytest

from idsharp.common.progress import SILENT
from idsharp.datasets.download import unpack as archives
from idsharp.datasets.download.unpack import ArchiveError, is_unfinished, is_unpacked, unpack
from tests.datasets.miniatures.tcia import with_compression
from tests.datasets.miniatures.torchvision_files import add_to_tar

FILES = {"train/a/1.png": b"one" * 1000, "train/b/2.png": b"two", "readme.txt": b"read me"}


def write_zip(file, files=FILES):
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def write_tar(file, files=FILES, mode="w"):
    with tarfile.open(file, mode) as archive:
        add_to_tar(archive, "./train", b"", type=tarfile.DIRTYPE, mode=0o755)
        for name, content in files.items():
            add_to_tar(archive, f"./{name}", content)


def tree(folder):
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and not file.name.startswith(".")
    }


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.gz", "x.tgz", "x.tar.bz2", "x.tar.xz"])
def test_every_kind_is_unpacked_once(tmp_path, name):
    archive, folder = tmp_path / name, tmp_path / "out"
    kind = {"gz": "w:gz", "tgz": "w:gz", "bz2": "w:bz2", "xz": "w:xz"}
    if name.endswith("zip"):
        write_zip(archive)
    else:
        write_tar(archive, mode=kind.get(name.rpartition(".")[2], "w"))
    unpack(archive, folder, SILENT)
    assert tree(folder) == FILES
    assert is_unpacked(archive, folder)
    assert not is_unfinished(folder)
    archive.unlink()
    (folder / "train" / "a" / "1.png").unlink()
    unpack(archive, folder)
    assert not (folder / "train" / "a" / "1.png").exists()


def test_a_tar_that_ends_in_a_zip_is_a_tar(tmp_path):
    inner = io.BytesIO()
    write_zip(inner)
    # zipfile looks for its directory anywhere near the end.
    write_tar(tmp_path / "x.tar", {"inner.zip": inner.getvalue()})
    unpack(tmp_path / "x.tar", tmp_path / "out")
    assert list(tree(tmp_path / "out")) == ["inner.zip"]


def refuse(archive, folder, words):
    with pytest.raises(ArchiveError, match=words):
        unpack(archive, folder)
    assert list(folder.iterdir()) == [], "nothing half-unpacked may stay"


HOSTILE = ["../escaped", "/tmp/escaped", "train/../../escaped", "..\\escaped", "C:\\escaped"]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_names_that_lead_out_are_refused(tmp_path, write, name):
    write(tmp_path / "x", {"fine.txt": b"fine"})
    if write is write_tar:
        with tarfile.open(tmp_path / "x", "a") as archive:
            add_to_tar(archive, name, b"out")
    else:
        with zipfile.ZipFile(tmp_path / "x", "a") as archive:
            archive.writestr(name, b"out")
    refuse(tmp_path / "x", tmp_path / "out", "leads out of the archive")
    assert not list(tmp_path.glob("**/*escaped*"))


@pytest.mark.parametrize(
    "properties",
    [
        {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
        {"type": tarfile.SYMTYPE, "linkname": "fine.txt"},
        {"type": tarfile.LNKTYPE, "linkname": "../../secret"},
        {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3},
        {"type": tarfile.FIFOTYPE},
    ],
)
def test_links_and_special_files_in_a_tar_are_refused(tmp_path, properties):
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        add_to_tar(archive, "fine.txt", b"fine")
        add_to_tar(archive, "special", b"", **properties)
    refuse(tmp_path / "x.tar", tmp_path / "out", "'special' is a link or a special file")


def test_links_in_a_zip_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        link = zipfile.ZipInfo("link")
        link.create_system = 3
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    refuse(tmp_path / "x.zip", tmp_path / "out", "'link' is a link or a special file")


def test_dangerous_permissions_are_taken_away(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        add_to_tar(archive, "program", b"#!", mode=0o6777, uid=12345)
    unpack(tmp_path / "x.tar", tmp_path / "out")
    status = (tmp_path / "out" / "program").stat()
    assert status.st_mode & 0o6022 == 0
    assert status.st_uid == os.getuid()


def test_damaged_archives_are_refused(tmp_path):
    for name, write in (("x.zip", write_zip), ("x.tar.gz", lambda f: write_tar(f, mode="w:gz"))):
        write(tmp_path / name)
        whole = bytearray((tmp_path / name).read_bytes())
        whole[45:60] = bytes(15)
        (tmp_path / name).write_bytes(whole)
        with pytest.raises(ArchiveError, match=rf"{name} is (damaged|neither)"):
            unpack(tmp_path / name, tmp_path / "out")
        assert list((tmp_path / "out").iterdir()) == []
    (tmp_path / "page.zip").write_text("<html>Please log in</html>")
    refuse(tmp_path / "page.zip", tmp_path / "out", "neither a zip nor a tar.*<html>Please")


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damage_inside_a_zip_is_not_taken_for_the_disks(tmp_path, compression):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", compression) as archive:
        archive.writestr("a.png", bytes(1000))
    whole = bytearray((tmp_path / "x.zip").read_bytes())
    # Behind the header of the file and its name.
    whole[44:56] = bytes(range(100, 112))
    (tmp_path / "x.zip").write_bytes(whole)
    refuse(tmp_path / "x.zip", tmp_path / "out", "damaged")


def test_a_truncated_tar_is_refused(tmp_path):
    write_tar(tmp_path / "x.tar", {"a": b"a" * 5000})
    whole = (tmp_path / "x.tar").read_bytes()
    (tmp_path / "x.tar").write_bytes(whole[:3000])
    refuse(tmp_path / "x.tar", tmp_path / "out", "damaged")


@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_an_archive_larger_than_the_disk_is_refused(tmp_path, monkeypatch, write):
    write(tmp_path / "x")
    usage = type("Usage", (), {"free": 2000})
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda path: usage)
    refuse(tmp_path / "x", tmp_path / "out", r"takes another \d+ kB, but only 2 kB are free")


def test_an_encrypted_zip_is_refused(tmp_path):
    write_zip(tmp_path / "x.zip", {"a": b"a"})
    whole = bytearray((tmp_path / "x.zip").read_bytes())
    # The flag in the member's own header and in the directory at the end.
    whole[6] |= 1
    whole[whole.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "x.zip").write_bytes(whole)
    refuse(tmp_path / "x.zip", tmp_path / "out", "'a' is encrypted")


def test_an_interrupted_extraction_is_begun_again(tmp_path, monkeypatch):
    write_zip(tmp_path / "x.zip")
    folder = tmp_path / "out"
    (folder / archives._STAGING / "train").mkdir(parents=True)
    (folder / archives._STAGING / "train" / "left over").write_text("half")
    assert is_unfinished(folder)
    unpack(tmp_path / "x.zip", folder)
    assert tree(folder) == FILES


@pytest.mark.parametrize("moves", [0, 1, 2])
def test_an_interrupted_move_is_taken_up(tmp_path, monkeypatch, moves):
    write_zip(tmp_path / "x.zip")
    folder, rename, done = tmp_path / "out", os.rename, []

    def interrupted(source, target):
        if str(target).endswith(archives._READY):
            return rename(source, target)
        if len(done) == moves:
            raise KeyboardInterrupt
        done.append(target)
        return rename(source, target)

    monkeypatch.setattr(archives.os, "rename", interrupted)
    if moves < 2:
        with pytest.raises(KeyboardInterrupt):
            unpack(tmp_path / "x.zip", folder)
        assert is_unfinished(folder)
        assert not is_unpacked(tmp_path / "x.zip", folder)
    monkeypatch.setattr(archives.os, "rename", rename)
    unpack(tmp_path / "x.zip", folder)
    assert tree(folder) == FILES
    assert not is_unfinished(folder)


def test_what_is_there_already_is_never_replaced(tmp_path):
    write_zip(tmp_path / "x.zip")
    (tmp_path / "out" / "train").mkdir(parents=True)
    (tmp_path / "out" / "train" / "mine.txt").write_text("mine")
    with pytest.raises(ArchiveError, match=r"already contains train, as does x\.zip; move it"):
        unpack(tmp_path / "x.zip", tmp_path / "out")
    assert (tmp_path / "out" / "train" / "mine.txt").read_text() == "mine"
    (tmp_path / "out" / "train").rename(tmp_path / "mine")
    unpack(tmp_path / "x.zip", tmp_path / "out")
    assert tree(tmp_path / "out") == FILES


HOSTILE = {
    "deep": ("d/" * 3000 + "x.png", "3001 folders deep"),
    "long": ("n" * 300 + ".png", "a name of 304 bytes"),
    "long in UTF-8": ("ü" * 130, "a name of 260 bytes"),
}


@pytest.mark.parametrize("write", [write_zip, write_tar])
@pytest.mark.parametrize("case", HOSTILE)
def test_names_that_no_disk_takes_leave_nothing_behind(tmp_path, write, case):
    name, message = HOSTILE[case]
    write(tmp_path / "x", {"a.png": b"a", name: b"x"})
    with pytest.raises(ArchiveError, match=message):
        unpack(tmp_path / "x", tmp_path / "out", SILENT)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("write", [write_zip, write_tar])
@pytest.mark.parametrize("names", [("a", "a/b.png"), ("a/b.png", "a")])
def test_a_file_and_a_folder_of_one_name_leave_nothing_behind(tmp_path, write, names):
    write(tmp_path / "x", dict.fromkeys(names, b"x"))
    with pytest.raises(ArchiveError, match="a file and a folder have the same name"):
        unpack(tmp_path / "x", tmp_path / "out", SILENT)
    assert list((tmp_path / "out").iterdir()) == []


def test_an_unknown_compression_is_named_and_leaves_nothing_behind(tmp_path):
    write_zip(tmp_path / "x.zip", {"a.png": b"a", "b.png": b"b" * 1000})
    content = (tmp_path / "x.zip").read_bytes()
    (tmp_path / "x.zip").write_bytes(with_compression(content, 97))
    with pytest.raises(ArchiveError, match=r"compression.*; unpack it by hand into"):
        unpack(tmp_path / "x.zip", tmp_path / "out", SILENT)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz"])
def test_an_archive_that_unpacks_to_far_more_than_its_size_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.setattr(archives, "_ALWAYS", 10**6)
    files = {f"{i}.png": bytes(10**6) for i in range(5)}
    if name.endswith("zip"):
        write_zip(tmp_path / name, files)
    else:
        write_tar(tmp_path / name, files, "w:gz")
    with pytest.raises(ArchiveError, match=r"would unpack to .* over 100 times as much"):
        unpack(tmp_path / name, tmp_path / "out", SILENT)
    assert list((tmp_path / "out").iterdir()) == []
