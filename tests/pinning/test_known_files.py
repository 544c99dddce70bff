"""The files on an index that uv's cache still knows of."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mlflow_kerasguard.pinning.known_files import KnownFile, find_file, uv_cache
from tests.pinning.builders import installed

URL, DIGEST = "https://files.example.org/ab/thing-1.0-py3-none-any.whl", "0123456789abcdef" * 4


def note(url: str = URL, digest: str = DIGEST) -> bytes:
    """As uv writes it: MessagePack, then what HTTP said."""
    hashes = b"\x91\x92\xa6Sha256\xd9\x40" + digest.encode() if digest else b"\x90"
    return (
        b"\x95\xb0archive-id-12345" + hashes + b"\xd9\x1fthing-1.0-py3-none-any.whl\0\0nonce" + url.encode() + b"\0\0"
    )


@pytest.fixture
def thing(tmp_path):
    return installed(tmp_path, "thing")


def remember(cache: Path, thing, content: bytes, index: str = "pypi") -> Path:
    directory = cache / "wheels-v9" / index / "thing"
    shutil.copytree(thing.directory, directory / "1.0-py3-none-any" / thing.directory.name)
    (directory / "1.0-py3-none-any.http").write_bytes(content)
    return directory


@pytest.mark.parametrize("index", ["pypi", "index/0123"])
def test_a_note_of_what_is_installed(index, thing, tmp_path):
    remember(tmp_path, thing, note(), index)
    assert find_file(thing, tmp_path) == KnownFile(url=URL, sha256=DIGEST)


@pytest.mark.parametrize("index", ["pypi", "index/0123"])
def test_the_index_is_known_from_its_page(index, thing, tmp_path):
    remember(tmp_path, thing, note(), index)
    page = tmp_path / "simple-v20" / index / "thing.rkyv"
    page.parent.mkdir(parents=True)
    releases = b"https://example.org/other/thing/\0" + b"\0" * 5000
    page.write_bytes(releases + b"noncehttps://me:secret@example.org/simple/thing/\0\0")
    assert find_file(thing, tmp_path).index == "https://example.org/simple"
    page.write_bytes(b"https://example.org/a/thing/\0https://example.org/b/thing/\0")
    assert find_file(thing, tmp_path).index is None


def test_passwords_are_left_out(thing, tmp_path):
    remember(tmp_path, thing, note(URL.replace("https://", "https://me:secret@")))
    assert find_file(thing, tmp_path).url == URL


DOUBTFUL = {
    "no hash": note(digest=""),
    "two hashes": note() + b"sha256\xd9\x40" + b"f" * 64,
    "two places": note() + note(URL.replace("ab", "cd")),
    "another distribution": note(URL.replace("thing", "thong")),
    "another release": note(URL.replace("1.0", "1.1")),
    "no wheel's name": note("https://files.example.org/thing.whl"),
    "another format": b"rkyv",
}


@pytest.mark.parametrize("content", DOUBTFUL.values(), ids=DOUBTFUL)
def test_what_is_in_doubt_isnt_known(content, thing, tmp_path):
    remember(tmp_path, thing, content)
    assert find_file(thing, tmp_path) is None


def test_a_signed_url_isnt_kept(thing, tmp_path):
    remember(tmp_path, thing, note(f"{URL}?signature=a.whl"))
    assert find_file(thing, tmp_path) is None


def test_other_contents_arent_believed(thing, tmp_path):
    directory = remember(tmp_path, thing, note())
    (directory / "1.0-py3-none-any" / thing.directory.name / "WHEEL").write_text("Tag: cp311-cp311-linux_x86_64\n")
    assert find_file(thing, tmp_path) is None
    shutil.rmtree(directory / "1.0-py3-none-any")
    assert find_file(thing, tmp_path) is None


def test_a_note_that_cant_be_read(thing, tmp_path):
    directory = remember(tmp_path, thing, note())
    (directory / "1.0-py3-none-any.http").unlink()
    (directory / "1.0-py3-none-any.http").mkdir()
    assert find_file(thing, tmp_path) is None
    assert find_file(thing, tmp_path / "absent") is None


def test_where_the_cache_is(monkeypatch, tmp_path):
    monkeypatch.delenv("UV_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert uv_cache() == Path.home() / ".cache" / "uv"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert uv_cache() == tmp_path / "uv"
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "here"))
    assert uv_cache() == tmp_path / "here"
