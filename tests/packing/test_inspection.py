"""What is seen of an environment before it is packed."""

from __future__ import annotations

import json
import shutil
import sys

import pytest

from mlflow_kerasguard.errors import PackError
from mlflow_kerasguard.packable import Packable
from mlflow_kerasguard.packing.inspection import inspect_prefix, leads_outside
from tests.packing.conda_like import SITE, add_distribution, make_editable, make_prefix

VERSION = sys.version.split()[0]


@pytest.fixture
def prefix(tmp_path):
    return make_prefix(tmp_path / "env", tmp_path / "cache")


def test_nothing_is_wrong(prefix):
    assert inspect_prefix(prefix) == Packable(prefix=str(prefix), packages={"python": VERSION})


def test_editable_installations(prefix):
    make_editable(prefix, "My_Shop", "/home/me/my%20shop")
    assert inspect_prefix(prefix).editable == {"my-shop": "/home/me/my shop"}


@pytest.mark.parametrize("text", ["{", "[]", '{"url": "file:///x"}', '{"url": 1, "dir_info": {}}'])
def test_other_records_of_where_it_is_from(text, prefix):
    (add_distribution(prefix, "shop", "1") / "direct_url.json").write_text(text)
    assert inspect_prefix(prefix).editable == {}


def test_files_that_are_gone(prefix):
    (prefix / "bin" / "managed").unlink()
    assert inspect_prefix(prefix).missing == {f"python {VERSION}": ("bin/managed",)}


def test_files_below_a_linked_directory_are_there(prefix):
    (prefix / "lib64").symlink_to("lib")
    path = next((prefix / "conda-meta").glob("*.json"))
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "files": [*document["files"], "lib64/text.cfg", "gone.pyc"]}))
    assert inspect_prefix(prefix).missing == {}


def test_a_cache_that_was_cleaned(prefix, tmp_path):
    shutil.rmtree(tmp_path / "cache")
    assert inspect_prefix(prefix).uncached == (f"python {VERSION}",)


def test_links_that_lead_out(prefix):
    (prefix / "bin" / "away").symlink_to("/usr/bin/env")
    (prefix / "share").symlink_to("../share")
    assert inspect_prefix(prefix).outside_links == {"bin/away": "/usr/bin/env", "share": "../share"}


def test_environments_inside_are_left_alone(prefix):
    (prefix / "envs").mkdir()
    (prefix / "envs" / "away").symlink_to("/usr")
    assert inspect_prefix(prefix).outside_links == {}
    assert (prefix / SITE).is_dir()


LINKS = [
    ("lib/a", "b", False),
    ("lib/a", "./b", False),
    ("lib/a", "../bin/b", False),
    ("lib/x/a", "../../bin/b", False),
    ("lib/a", "../../b", True),
    ("a", "..", True),
    ("a", "/usr", True),
    # `b` may be a link to elsewhere inside, and `..` climbs from there.
    ("lib/a", "b/../c", True),
]


@pytest.mark.parametrize(("name", "target", "outside"), LINKS)
def test_whether_a_link_leads_out(name, target, outside):
    assert leads_outside(name, target) is outside


@pytest.mark.parametrize("text", ["{", "[]", '{"name": "a"}', '{"name": "a", "version": "1", "files": 3}'])
def test_records_that_cannot_be_read(text, prefix):
    (prefix / "conda-meta" / "bad.json").write_text(text)
    with pytest.raises(PackError, match=r"conda's record `.*bad.json` can't be read"):
        inspect_prefix(prefix)
