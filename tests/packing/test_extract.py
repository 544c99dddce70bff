"""Archives that would write elsewhere, and how far links may lead."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from mlflow_kerasguard.errors import PackError
from mlflow_kerasguard.packing.extract import extract


def archive(path: Path, *members: tuple[str, bytes, str], content: bytes = b"x") -> Path:
    """Members as name, type and target."""
    with tarfile.open(path, "w:gz") as tar:
        for name, kind, target in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.mode, info.uid = kind, target, 0o7777, 12345
            info.size = len(content) if kind == tarfile.REGTYPE else 0
            tar.addfile(info, io.BytesIO(content))
    return path


FILE, LINK, HARD, FIFO, DIR = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE

HOSTILE = {
    "absolute": ([("/etc/x", FILE, "")], "would write to `/etc/x`"),
    "upwards": ([("lib/../../x", FILE, "")], "outside of the environment"),
    "a pipe": ([("x", FIFO, "")], "a device or pipe"),
    "a hard link to a file outside": ([("x", HARD, "/etc/passwd")], "a link to `/etc/passwd`"),
    "a hard link upwards": ([("x", HARD, "../x")], "a link to `../x`"),
    "a hard link to a link": ([("y", FILE, ""), ("l", LINK, "y"), ("x", HARD, "l")], "a link to `l`"),
    "a hard link through a link": ([("d/y", FILE, ""), ("l", LINK, "d"), ("x", HARD, "l/y")], "a link to `l/y`"),
    "a link beneath a link": ([("a/b/f", FILE, ""), ("l", LINK, "a/b"), ("l/m", LINK, "../../x")], "beneath another"),
    "a link beneath a dotted link": (
        [("a/b/f", FILE, ""), ("./l", LINK, "a/b"), ("l/m", LINK, "../x")],
        "beneath another",
    ),
}


@pytest.mark.parametrize(("members", "words"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_members(members, words, tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(PackError, match=words):
        extract(archive(tmp_path / "a.tar.gz", *members), "tar.gz", tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"a.tar.gz", "out"}


OUTSIDE = [("l", "/etc"), ("l", ".."), ("d/l", "../.."), ("d/l", "x/../../.."), ("./l", ".."), ("d/./l", "../..")]


@pytest.mark.parametrize(("name", "target"), OUTSIDE)
def test_links_that_lead_out_are_not_made(name, target, tmp_path):
    (tmp_path / "out").mkdir()
    members = [(name, LINK, target), (f"{name}/passwd", FILE, "")]
    [left_out] = extract(archive(tmp_path / "a.tar.gz", *members), "tar.gz", tmp_path / "out")
    assert left_out.endswith(f" -> {target}")
    assert (tmp_path / "out" / name / "passwd").is_file()
    assert not (tmp_path / "out" / name).is_symlink()
    assert not (tmp_path / "passwd").exists()


def test_links_inside(tmp_path):
    (tmp_path / "out").mkdir()
    members = [
        ("lib/x/f", FILE, ""),
        ("lib64", LINK, "lib"),
        ("bin/f", LINK, "../lib/x/f"),
        ("lib64/g", FILE, ""),
        ("h", HARD, "lib/x/f"),
        ("e", DIR, ""),
    ]
    assert extract(archive(tmp_path / "a.tar.gz", *members), "tar.gz", tmp_path / "out") == ()
    assert (tmp_path / "out" / "lib" / "g").read_bytes() == b"x"
    assert (tmp_path / "out" / "bin" / "f").read_bytes() == b"x"
    assert (tmp_path / "out" / "h").samefile(tmp_path / "out" / "lib" / "x" / "f")
    assert (tmp_path / "out" / "lib" / "g").stat().st_mode & 0o7777 == 0o755


@pytest.mark.parametrize("form", ["tar.gz", "tar.zst"])
def test_what_is_no_archive(form, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "a").write_bytes(b"no archive at all, but some bytes" * 99)
    with pytest.raises(PackError, match=rf"isn't a `{form}` that can be read"):
        extract(tmp_path / "a", form, tmp_path / "out")


def test_half_an_archive(tmp_path):
    (tmp_path / "out").mkdir()
    path = archive(tmp_path / "a.tar.gz", ("x", FILE, ""), content=bytes(range(256)) * 9999)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(PackError, match="pack the environment again"):
        extract(path, "tar.gz", tmp_path / "out")
