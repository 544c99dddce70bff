"""The lines of requirements for what came from here or there."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.pinning.carried import CarriedWheel
from mlflow_kerasguard.pinning.direct import THIS_DISTRIBUTION
from mlflow_kerasguard.pinning.direct_url import DirectUrl
from mlflow_kerasguard.pinning.lines import (
    FIND_LINKS,
    OWN_PIN,
    needs_wheel,
    pins,
    requirement_lines,
    tell_of_local,
    with_labels,
    with_wheels,
)
from mlflow_kerasguard.version import __version__
from tests.pinning.builders import installed

DIRECTORY = DirectUrl(url="file:///home/x", is_directory=True)
WHEEL_FILE = DirectUrl(url="file:///home/x-1.0-py3-none-any.whl")
GIT = DirectUrl(url="https://example.org/x", vcs="git", commit="abc")
LOCAL_GIT = DirectUrl(url="file:///srv/x", vcs="git", commit="abc")


def test_local_version_labels_are_left_out():
    assert pins({"torch": "2.6.0+cpu", "keras": "3.8.0"}) == ["keras==3.8.0", "torch==2.6.0"]


def test_the_lines(tmp_path):
    several = [
        installed(tmp_path, "b", "2.0"),
        installed(tmp_path, "a", "1.0", direct=GIT),
        installed(tmp_path, "c", "3.0", direct=WHEEL_FILE),
    ]
    assert requirement_lines(several) == ["a @ git+https://example.org/x@abc", "b==2.0", "c==3.0", OWN_PIN]


#: Where it came from, its role, the tag of its wheel; whether a wheel has to travel, and whether it is warned of.
CASES = {
    "index": (None, "code", "py3-none-any", False, False),
    "repository": (GIT, "code", "py3-none-any", False, False),
    "repository of this machine": (LOCAL_GIT, "code", "py3-none-any", False, True),
    "directory that code imports": (DIRECTORY, "code", "py3-none-any", True, False),
    "directory that others require": (DIRECTORY, "transitive", "py3-none-any", True, False),
    "directory of Keras": (DIRECTORY, "keras", "py3-none-any", False, True),
    "file that code imports": (WHEEL_FILE, "code", "py3-none-any", True, False),
    "file that others require": (WHEEL_FILE, "transitive", "py3-none-any", False, True),
    "compiled": (DIRECTORY, "code", "cp311-cp311-linux_x86_64", False, True),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_only_this_machine_has(case, tmp_path, caplog):
    direct, role, tag, wheel, warned = case
    item = installed(tmp_path, "thing", direct=direct, tag=tag)
    assert needs_wheel(item, role) is wheel
    tell_of_local([item], {"thing"} if wheel else ())
    assert ("`thing` came from files or directories of this machine" in caplog.text) is warned
    assert ("`thing` 1.0 was installed from `file:" in caplog.text) is wheel
    assert ("a wheel of it travels with the model" in caplog.text) is wheel


@pytest.mark.parametrize("role", ["code", "transitive", "keras"])
def test_what_came_out_of_another_model_travels_on(role, tmp_path, caplog):
    item = installed(tmp_path, "thing", "1.0+kg0123456789ab")
    assert needs_wheel(item, role)
    tell_of_local([item], {"thing"})
    assert "`thing` 1.0+kg0123456789ab came out of a logged model" in caplog.text
    assert not needs_wheel(installed(tmp_path, "other", "1.0+cpu"), role)


def test_this_package_is_another_matter(tmp_path, caplog):
    item = installed(tmp_path, THIS_DISTRIBUTION, direct=DIRECTORY)
    assert not needs_wheel(item, "serving")
    tell_of_local([item], ())
    assert caplog.text == ""


def carried(name: str, version: str) -> dict[str, CarriedWheel]:
    return {name: CarriedWheel(path=f"kerasguard/wheels/{name}.whl", version=version, sha256="1")}


OWN = carried(THIS_DISTRIBUTION, f"{__version__}+kg0123456789ab")
LINES = {
    "this version": ["keras", OWN_PIN],
    "out of another model": [FIND_LINKS, "keras", "mlflow-kerasguard==0.0.9+kg0123456789ab"],
}


@pytest.mark.parametrize("lines", LINES.values(), ids=LINES)
def test_requirements_say_where_the_wheel_is(lines):
    said = with_wheels(lines, OWN)
    assert said == [FIND_LINKS, "keras", OWN_PIN]
    assert with_labels(said, OWN) == [FIND_LINKS, "keras", f"{OWN_PIN}+kg0123456789ab"]
    assert with_wheels(lines, ()) == ["keras", OWN_PIN], "an index has it"


@pytest.mark.parametrize("line", ["mlflow-kerasguard==0.0.9", "mlflow-kerasguard>=0.1", "./mlflow_kerasguard.whl"])
def test_other_requirements_stay(line):
    assert with_wheels([line], OWN) == [FIND_LINKS, line]
    assert with_labels([line], OWN) == [line]


def test_names_are_compared_as_indexes_do():
    mine = carried("my-layers", "1.0+kg0123456789ab")
    assert with_labels(["My_Layers==1.0", "my-layers==2.0"], mine) == [
        "My_Layers==1.0+kg0123456789ab",
        "my-layers==2.0",
    ]
