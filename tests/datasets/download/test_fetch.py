"""Downloads against a local server that drops connections, lies, and changes its mind."""

import hashlib
import os
import threading

import numpy as np
import pytest

from idsharp.datasets.download import fetch as downloads
from idsharp.datasets.download import resume as resuming
from idsharp.datasets.download.fetch import DownloadError, fetch, name_of, remaining
from tests.datasets.loopback import loopback

CONTENT = np.random.default_rng(0).integers(0, 256, 300_000, dtype=np.uint8).tobytes()
OTHER = CONTENT[::-1]
MD5 = "md5:" + hashlib.md5(CONTENT).hexdigest()
SHA256 = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server():
    with loopback() as server:
        server.files["/x.bin"] = CONTENT
        yield server


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """Pauses are noted instead of waited for."""
    noted = []
    monkeypatch.setattr(resuming.time, "sleep", noted.append)
    return noted


def part_of(file):
    return file.with_name(f".{file.name}.part")


def visible(folder):
    return sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))


@pytest.mark.parametrize("checksum", [MD5, SHA256, MD5.upper().replace("MD5", "md5")])
def test_a_file_is_fetched_once(server, tmp_path, checksum):
    file = tmp_path / "new" / "x.bin"
    assert fetch(server.url("/x.bin"), file, checksum) == file
    assert file.read_bytes() == CONTENT
    assert os.stat(file).st_mode & 0o444 == 0o444, "others must be able to read it"
    fetch(server.url("/x.bin"), file, checksum)
    assert server.asked == [("/x.bin", None)]
    assert visible(file.parent) == ["x.bin"]
    assert not part_of(file).exists()


def test_what_is_there_needs_no_network_and_no_writing(tmp_path):
    (tmp_path / "x.bin").write_bytes(CONTENT)
    tmp_path.chmod(0o555)
    try:
        fetch("http://127.0.0.1:9/x.bin", tmp_path / "x.bin", MD5)
        assert os.listdir(tmp_path) == ["x.bin"]
    finally:
        tmp_path.chmod(0o755)


def test_another_file_at_its_place_is_refused_and_kept(server, tmp_path):
    (tmp_path / "x.bin").write_bytes(OTHER)
    found = hashlib.md5(OTHER).hexdigest()
    with pytest.raises(DownloadError, match=rf"md5 is {found}, that of .*/x\.bin is {MD5[4:]}"):
        fetch(server.url("/x.bin"), tmp_path / "x.bin", MD5)
    assert (tmp_path / "x.bin").read_bytes() == OTHER
    assert not server.asked


def test_dropped_connections_are_taken_up_where_they_ended(server, tmp_path, pauses, capsys):
    server.faults["/x.bin"] = ["drop", "503", "drop"]
    fetch(server.url("/x.bin"), tmp_path / "x.bin", MD5)
    assert (tmp_path / "x.bin").read_bytes() == CONTENT
    assert [asked for _, asked in server.asked] == [
        None, "bytes=150000-", "bytes=150000-", "bytes=225000-",
    ]  # fmt: skip
    # The second pause in a row is longer; after progress the first one again.
    assert pauses == [1, 3, 1]
    said = capsys.readouterr().err
    assert "300 kB left" in said
    assert "503" in said
    assert "\r" not in said


def test_a_later_call_goes_on_with_the_part_of_an_earlier_one(server, tmp_path, monkeypatch):
    monkeypatch.setattr(resuming, "PAUSES", ())
    server.faults["/x.bin"] = ["drop"]
    with pytest.raises(DownloadError, match=r"gave up after 1 attempts.*save it as .*x\.bin"):
        fetch(server.url("/x.bin"), tmp_path / "x.bin", MD5)
    assert visible(tmp_path) == []
    assert remaining(tmp_path / "x.bin", len(CONTENT)) == 150_000
    fetch(server.url("/x.bin"), tmp_path / "x.bin", MD5)
    assert server.asked[-1] == ("/x.bin", "bytes=150000-")
    assert (tmp_path / "x.bin").read_bytes() == CONTENT
    assert remaining(tmp_path / "x.bin", len(CONTENT)) == 0


def test_a_server_without_ranges_starts_again(server, tmp_path):
    server.ranges = False
    server.faults["/x.bin"] = ["drop", "drop"]
    fetch(server.url("/x.bin"), tmp_path / "x.bin", MD5)
    assert (tmp_path / "x.bin").read_bytes() == CONTENT


def test_a_server_that_never_gets_further_is_given_up(server, tmp_path, pauses):
    server.ranges = False
    server.faults["/x.bin"] = ["drop"] * 50
    with pytest.raises(DownloadError, match=r"ended after|the connection failed.*gave up"):
        fetch(server.url("/x.bin"), tmp_path / "x.bin", MD5)
    assert pauses == list(resuming.PAUSES)


@pytest.mark.parametrize("tags", [True, False])
def test_a_file_that_changed_between_the_parts(server, tmp_path, monkeypatch, tags):
    monkeypatch.setattr(resuming, "PAUSES", ())
    server.tags = tags
    server.files["/x.bin"] = OTHER
    server.faults["/x.bin"] = ["drop"]
    with pytest.raises(DownloadError):
        fetch(server.url("/x.bin"), tmp_path / "x.bin", MD5)
    server.files["/x.bin"] = CONTENT
    fetch(server.url("/x.bin"), tmp_path / "x.bin", MD5)
    assert (tmp_path / "x.bin").read_bytes() == CONTENT
    # With a tag the server says so; without one the checksum does, after the two halves.
    assert len(server.asked) == (2 if tags else 3)


@pytest.mark.parametrize("length", [len(CONTENT) + 10, len(CONTENT)])
def test_a_part_that_is_as_long_as_the_file_or_longer(server, tmp_path, length):
    part_of(tmp_path / "x.bin").write_bytes((CONTENT + OTHER)[:length])
    fetch(server.url("/x.bin"), tmp_path / "x.bin", MD5)
    assert (tmp_path / "x.bin").read_bytes() == CONTENT
    assert len(server.asked) == (1 if length == len(CONTENT) else 2)


def test_a_spoilt_part_is_fetched_once_afresh(server, tmp_path, capsys):
    part_of(tmp_path / "x.bin").write_bytes(OTHER[:1000])
    fetch(server.url("/x.bin"), tmp_path / "x.bin", MD5)
    assert (tmp_path / "x.bin").read_bytes() == CONTENT
    assert [asked for _, asked in server.asked] == ["bytes=1000-", None]
    assert "starting over" in capsys.readouterr().err


@pytest.mark.parametrize("fault", ["wrong", "short"])
def test_wrong_bytes_never_get_the_name(server, tmp_path, fault):
    server.faults["/x.bin"] = [fault]
    with pytest.raises(DownloadError) as caught:
        fetch(server.url("/x.bin"), tmp_path / "x.bin", MD5)
    sent = CONTENT[:150_000] if fault == "short" else bytes(255 - byte for byte in CONTENT)
    for words in (MD5[4:], hashlib.md5(sent).hexdigest(), server.url("/x.bin"), "Deleted"):
        assert words in str(caught.value)
    assert visible(tmp_path) == []
    assert len(server.asked) == 1, "the same wrong file is not fetched again and again"
    fetch(server.url("/x.bin"), tmp_path / "x.bin", MD5)


@pytest.mark.parametrize(
    ("status", "words"),
    [("404", "no such file"), ("403", "denied"), ("401", "account"), ("418", "not served")],
)
def test_what_no_attempt_mends_is_given_up_at_once(server, tmp_path, status, words, pauses):
    server.faults["/x.bin"] = [status]
    with pytest.raises(DownloadError, match=rf"{status} .*{words}.*download it by hand and"):
        fetch(server.url("/x.bin"), tmp_path / "x.bin", MD5)
    assert len(server.asked) == 1
    assert pauses == []


def test_a_busy_server_says_how_long_to_wait(server, tmp_path, pauses):
    server.retry_after = "45"
    server.faults["/x.bin"] = ["429"]
    fetch(server.url("/x.bin"), tmp_path / "x.bin", MD5)
    assert pauses == [45]


def test_nobody_listens(tmp_path, pauses):
    with pytest.raises(DownloadError, match="Connection refused"):
        fetch("http://127.0.0.1:9/x.bin", tmp_path / "x.bin", MD5)
    assert pauses == list(resuming.PAUSES)


def test_a_full_disk_is_seen_before_anything_is_fetched(server, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(resuming.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(DownloadError, match=r"300 kB left to download, but only 1 kB free"):
        fetch(server.url("/x.bin"), tmp_path / "x.bin", MD5)
    assert visible(tmp_path) == []
    assert not part_of(tmp_path / "x.bin").exists()


@pytest.mark.parametrize("url", ["ftp://host/x.bin", "x.bin", "data:text/plain,x"])
def test_other_addresses_are_refused(tmp_path, url):
    with pytest.raises(DownloadError, match="does not begin with http"):
        fetch(url, tmp_path / "x.bin", MD5)


def test_without_a_published_checksum_the_first_one_counts(server, tmp_path):
    file = tmp_path / "x.bin"
    fetch(server.url("/x.bin"), file, None)
    assert (tmp_path / "x.bin.sha256").read_text() == f"{SHA256[7:]}  x.bin\n"
    fetch(server.url("/x.bin"), file, None)
    file.unlink()
    server.files["/x.bin"] = OTHER
    with pytest.raises(DownloadError, match=SHA256[7:]):
        fetch(server.url("/x.bin"), file, None)
    assert not file.exists()


def test_without_checksum_and_tag_a_part_is_not_trusted(server, tmp_path, monkeypatch):
    monkeypatch.setattr(resuming, "PAUSES", ())
    server.tags = False
    server.faults["/x.bin"] = ["drop"]
    with pytest.raises(DownloadError):
        fetch(server.url("/x.bin"), tmp_path / "x.bin", None)
    fetch(server.url("/x.bin"), tmp_path / "x.bin", None)
    assert [asked for _, asked in server.asked] == [None, None]


def test_a_mirror_is_a_folder_or_an_address(server, tmp_path):
    server.files["/copies/x.bin"] = CONTENT
    fetch("http://far.invalid/x.bin", tmp_path / "a" / "x.bin", MD5, mirror=server.url("/copies/"))
    assert server.asked == [("/copies/x.bin", None)]
    folder = tmp_path / "the mirror"
    folder.mkdir()
    (folder / "x.bin").write_bytes(CONTENT)
    fetch("http://far.invalid/x.bin", tmp_path / "b" / "x.bin", MD5, mirror=folder)
    assert (tmp_path / "b" / "x.bin").resolve() == folder / "x.bin"
    (folder / "x.bin").write_bytes(OTHER)
    with pytest.raises(DownloadError, match=hashlib.md5(OTHER).hexdigest()):
        fetch("http://far.invalid/x.bin", tmp_path / "c" / "x.bin", MD5, mirror=folder)
    with pytest.raises(DownloadError, match=r"there is no file .*the mirror/y\.bin"):
        fetch("http://far.invalid/y.bin", tmp_path / "c" / "y.bin", MD5, mirror=folder)
    assert not list((tmp_path / "c").glob("[xy]*"))


def test_a_file_address_is_copied_where_links_cannot_be(tmp_path, monkeypatch):
    (tmp_path / "x.bin").write_bytes(CONTENT)
    url = (tmp_path / "x.bin").as_uri()
    fetch(url, tmp_path / "linked" / "x.bin", MD5)
    assert (tmp_path / "linked" / "x.bin").is_symlink()

    def no_links(self, target):
        raise OSError("links cannot be made here")

    monkeypatch.setattr(downloads.Path, "symlink_to", no_links)
    fetch(url, tmp_path / "copied" / "x.bin", MD5)
    assert not (tmp_path / "copied" / "x.bin").is_symlink()
    assert (tmp_path / "copied" / "x.bin").read_bytes() == CONTENT


def test_two_jobs_fetch_a_file_once(server, tmp_path, capsys):
    file, failures = tmp_path / "x.bin", []

    def job():
        try:
            fetch(server.url("/x.bin"), file, MD5)
        except BaseException as error:
            failures.append(error)

    with downloads.locked(file, downloads.TO_STDERR):
        jobs = [threading.Thread(target=job) for _ in range(3)]
        for thread in jobs:
            thread.start()
        said = ""
        for _ in range(1000):
            said += capsys.readouterr().err
            if said.count("waiting for another job") == len(jobs):
                break
            threading.Event().wait(0.01)
        assert said.count("waiting for another job") == len(jobs)
        assert not server.asked
    for thread in jobs:
        thread.join()
    assert not failures
    assert server.asked == [("/x.bin", None)]


def test_a_folder_that_cannot_be_written_to_is_named(server, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DownloadError, match=r"could not download .*file.*save it as"):
        fetch(server.url("/x.bin"), tmp_path / "file" / "x.bin", MD5)


def test_names_in_addresses():
    assert name_of("https://host/a/b%20c.npz?download=1#x") == "b c.npz"
