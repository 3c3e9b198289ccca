"""A folder of results that may only be read stops a run before it starts."""

import errno
import tempfile
from unittest import mock

from idsharp.study.writable import unwritable


def test_a_folder_in_which_files_can_be_written_is_fine_and_is_not_made(tmp_path):
    assert unwritable(tmp_path / "results" / "study") is None
    assert not list(tmp_path.iterdir())


def test_a_folder_that_may_only_be_read_is_told_with_the_remedy(tmp_path):
    for number, told in ((errno.EROFS, "(Read-only file system); allow"), (errno.ENOSPC, None)):
        error = OSError(number, "Read-only file system")
        with mock.patch.object(tempfile, "TemporaryFile", side_effect=error):
            found = unwritable(tmp_path / "study")
        assert found is None if told is None else told in found
