"""Lock files, as `packaging` reads them."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
from packaging.pylock import Pylock, PylockValidationError

from mlflow_kerasguard.environment.text_files import parse_toml
from mlflow_kerasguard.pinning.carried import CarriedWheel
from mlflow_kerasguard.pinning.direct_url import DirectUrl
from mlflow_kerasguard.pinning.known_files import KnownFile
from mlflow_kerasguard.pinning.lock import Locked, LockedFor, lockable, validated, write_lock
from mlflow_kerasguard.pinning.toml_text import to_toml

HERE = LockedFor(
    python="3.11.7",
    markers={
        "sys_platform": "linux",
        "platform_machine": "x86_64",
        "implementation_name": "cpython",
        "os_name": "posix",
    },
)
WHEEL = KnownFile(url="https://example.org/a-1.0-py3-none-any.whl", sha256="12")
CARRIED = CarriedWheel(path="kerasguard/wheels/a-1.0-py3-none-any.whl", version="1.0", sha256="34")
GIT = DirectUrl(url="https://example.org/a.git", vcs="git", commit="abc", revision="main", subdirectory="sub")
ARCHIVE = DirectUrl(url="https://example.org/a.tar.gz", hashes={"sha256": "56"})

#: A source, and what stands in the file.
SOURCES = {
    "file of an index": (WHEEL, {"wheels": [{"url": WHEEL.url, "hashes": {"sha256": "12"}}]}),
    "with its index": (
        replace(WHEEL, index="https://example.org/simple"),
        {
            "index": "https://example.org/simple",
            "wheels": [{"url": WHEEL.url, "hashes": {"sha256": "12"}}],
        },
    ),
    "wheel in the model": (CARRIED, {"wheels": [{"path": CARRIED.path, "hashes": {"sha256": "34"}}]}),
    "repository": (
        GIT,
        {
            "vcs": {
                "type": "git",
                "url": GIT.url,
                "requested-revision": "main",
                "commit-id": "abc",
                "subdirectory": "sub",
            }
        },
    ),
    "archive": (ARCHIVE, {"archive": {"url": ARCHIVE.url, "hashes": {"sha256": "56"}}}),
}


def read(text: str, tmp_path) -> dict:
    document = parse_toml(text, tmp_path / "pylock.toml")
    Pylock.from_dict(document).validate()
    return document


@pytest.mark.parametrize("case", SOURCES.values(), ids=SOURCES)
def test_where_a_package_comes_from(case, tmp_path):
    source, expected = case
    assert lockable(source)
    text = write_lock([Locked(name="a", version="1.0", source=source)], HERE, creator="tests")
    assert read(text, tmp_path)["packages"] == [{"name": "a", "version": "1.0", **expected}]


def test_the_whole_file(tmp_path):
    packages = [
        Locked(name="b", version="2.0+cpu", source=GIT, requires=("a", "c")),
        Locked(name="a", version="1.0", source=WHEEL),
    ]
    document = read(write_lock(packages, HERE, creator="tests", left_out=["mine"]), tmp_path)
    assert document["lock-version"] == "1.0"
    assert document["requires-python"] == "==3.11.*"
    machine = 'sys_platform == "linux" and platform_machine == "x86_64" and implementation_name == "cpython"'
    assert document["environments"] == [machine]
    assert [package["name"] for package in document["packages"]] == ["a", "b"]
    assert document["packages"][1]["version"] == "2.0+cpu"
    assert document["packages"][1]["dependencies"] == [{"name": "a"}, {"name": "c"}]
    assert document["tool"] == {"mlflow-kerasguard": {"left-out": ["mine"]}}


NOT_LOCKABLE = {
    "unknown": None,
    "directory": DirectUrl(url="file:///a", is_directory=True),
    "file of this machine": DirectUrl(url="file:///a.whl", hashes={"sha256": "1"}),
    "archive without a hash": DirectUrl(url="https://example.org/a.zip"),
}


@pytest.mark.parametrize("source", NOT_LOCKABLE.values(), ids=NOT_LOCKABLE)
def test_what_a_lock_cant_say(source):
    assert not lockable(source)


def test_a_lock_is_validated(monkeypatch):
    wrong = {"lock-version": "1.0", "created-by": "tests", "packages": [{"name": "a", "version": "1.0"}]}
    with pytest.raises(PylockValidationError, match="Exactly one of vcs"):
        validated(wrong)
    monkeypatch.setitem(sys.modules, "packaging.pylock", None)
    assert validated(wrong) == wrong, "an old `packaging` knows no locks"


def test_toml(tmp_path):
    document = {
        "text": 'quote " back \\ line \n tab \t delete \x7f ü',
        "yes": True,
        "empty": [],
        "items": [{"odd key": ["a", "b"], "table": {"x": "y"}}, {"other": "z"}],
        "tool": {"name": {"list": ["c"]}},
    }
    assert parse_toml(to_toml(document), tmp_path) == document
