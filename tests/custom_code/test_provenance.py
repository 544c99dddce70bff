"""The repository that code is from, seen on real ones."""

from __future__ import annotations

import subprocess

import pytest

from mlflow_kerasguard.custom_code.provenance import provenance_of

WHO = ("-c", "user.name=A", "-c", "user.email=a@example.org")


def git(directory, *arguments):
    done = subprocess.run(["git", *WHO, *arguments], cwd=directory, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path):
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    (tmp_path / "package").mkdir()
    for name in ("layers.py", "helpers.py"):
        (tmp_path / "package" / name).write_text("x = 1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "all")
    return tmp_path


def test_a_clean_repository(repository):
    found = provenance_of([repository / "package" / "layers.py"])
    assert found.commit == git(repository, "rev-parse", "HEAD")
    assert (found.branch, found.remote, found.modified) == ("main", None, ())


def test_modified_and_new_files(repository):
    layers, new = repository / "package" / "layers.py", repository / "package" / "new.py"
    layers.write_text("x = 2\n")
    new.write_text("y = 1\n")
    (repository / "unrelated.py").write_text("")
    found = provenance_of([layers, new, repository / "package" / "helpers.py"])
    assert found.modified == ("package/layers.py", "package/new.py")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://user:secret@example.org/shop.git", "https://example.org/shop.git"),
        ("https://example.org/shop.git", "https://example.org/shop.git"),
        ("git@example.org:shop.git", "git@example.org:shop.git"),
    ],
)
def test_a_remote_without_credentials(repository, url, told):
    git(repository, "remote", "add", "elsewhere", url)
    assert provenance_of([repository / "package" / "layers.py"]).remote == told


def test_a_commit_without_a_branch(repository):
    git(repository, "checkout", "--quiet", "--detach")
    assert provenance_of([repository / "package" / "layers.py"]).branch is None


def test_files_of_no_repository(tmp_path):
    (tmp_path / "layers.py").write_text("")
    assert provenance_of([tmp_path / "layers.py"]) is None
    assert provenance_of([]) is None


def test_a_repository_without_a_commit(tmp_path):
    git(tmp_path, "init", "--quiet")
    (tmp_path / "layers.py").write_text("")
    assert provenance_of([tmp_path / "layers.py"]) is None


def test_where_there_is_no_git(repository, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "git", None)
    assert provenance_of([repository / "package" / "layers.py"]) is None
