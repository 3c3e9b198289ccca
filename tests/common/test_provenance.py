"""Records name the code that made them."""

import subprocess

import numpy as np

from idsharp.common import provenance


def test_provenance_names_versions():
    found = provenance.provenance("numpy", "no-such-package")
    assert found["numpy_version"] == np.__version__
    assert found["no-such-package_version"] is None
    assert found["python_version"].startswith("3.")


def test_the_commit_is_of_the_repository_that_tracks_the_code(tmp_path, monkeypatch):
    code = tmp_path / "code.py"
    code.write_text("")
    monkeypatch.setattr(provenance, "__file__", str(code))
    unknown = {"git_commit": None, "git_dirty": None}

    def found():
        return {key: provenance.provenance()[key] for key in unknown}

    assert found() == unknown, "outside a repository"
    git = ["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "other"], check=True)
    assert found() == unknown, "somebody else's repository"
    subprocess.run([*git, "add", "code.py"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "ours"], check=True)
    assert len(found()["git_commit"]) == 40
    assert found()["git_dirty"] is False
    code.write_text("changed")
    assert found()["git_dirty"] is True
