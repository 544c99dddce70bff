"""What is written beside a pack."""

from __future__ import annotations

import json
import platform

import pytest

from mlflow_kerasguard.errors import PackError
from mlflow_kerasguard.packing.manifest import Manifest, glibc_here, manifest_of, needed_glibc, parse_version
from tests.packing.conda_like import add_distribution, make_prefix

MANIFEST = Manifest(
    name="e.tar.gz",
    format="tar.gz",
    size=3,
    sha256="ab",
    python="3.11.7",
    platform="linux",
    machine="x86_64",
    glibc="2.36",
    needs_glibc="2.28",
    packages={"python": "3.11.7"},
    distributions={"keras": "3.15.1"},
)


def test_it_comes_back(tmp_path):
    path = manifest_of(tmp_path / "e.tar.gz")
    path.write_text(MANIFEST.to_json())
    assert path.name == "e.tar.gz.json"
    assert Manifest.read(path) == MANIFEST


def changed(**changes: object) -> str:
    document = {**json.loads(MANIFEST.to_json()), **changes}
    return json.dumps({name: value for name, value in document.items() if value is not None})


BAD = {
    "half of it": (MANIFEST.to_json()[:50], "can't be read"),
    "a list": ("[]", "can't be read"),
    "a key is gone": (changed(sha256=None), "can't be read .'sha256'.; bring it here again"),
    "no layout": (changed(schema_version=None), "can't be read"),
    "another layout": (
        changed(schema_version=9),
        "is of layout 9, .* reads 1; install the version that wrote it: mlflow",
    ),
    "a size in words": (changed(size="three"), "`size` in the manifest .* is of another kind"),
    "a digest that is none": (changed(sha256=3), "`sha256` in the manifest .* is of another kind"),
}


@pytest.mark.parametrize(("text", "words"), BAD.values(), ids=BAD)
def test_what_is_no_manifest(text, words, tmp_path):
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(PackError, match=words):
        Manifest.read(tmp_path / "m.json")


def test_none_at_all(tmp_path):
    with pytest.raises(PackError, match=r"there is no manifest .*bring it here as well"):
        Manifest.read(tmp_path / "m.json")


TAGS = {
    "pure": (("py3-none-any",), "2.17"),
    "old": (("cp311-cp311-manylinux2010_x86_64",), "2.17"),
    "new": (("cp311-cp311-manylinux_2_28_x86_64",), "2.28"),
    "either": (("cp311-cp311-manylinux_2_28_x86_64", "cp311-cp311-manylinux2014_x86_64"), "2.17"),
    "both in one": (("cp311-cp311-manylinux_2_5_x86_64.manylinux1_x86_64",), "2.17"),
    "built on the spot": (("cp311-cp311-linux_x86_64",), "2.36"),
}


@pytest.mark.parametrize(("tags", "needed"), TAGS.values(), ids=TAGS)
def test_the_glibc_that_wheels_need(tags, needed, tmp_path):
    prefix = make_prefix(tmp_path / "env", tmp_path / "cache")  # Its package asks for 2.17.
    add_distribution(prefix, "fast", "1", WHEEL="".join(f"Tag: {tag}\n" for tag in tags))
    assert needed_glibc(prefix, "2.36") == needed


def test_nothing_says_which_glibc(tmp_path):
    assert needed_glibc(tmp_path, "2.36") == ""


def test_versions_are_numbers():
    assert parse_version("2.9") < parse_version("2.17")
    assert parse_version("") == (0, 0)


def test_another_c_library(monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("musl", "1.2"))
    assert glibc_here() == ""
