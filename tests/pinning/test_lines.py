"""The lines of requirements for what came from here or there."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.errors import ModelNotLoggableError
from mlflow_kerasguard.pinning.direct import THIS_DISTRIBUTION
from mlflow_kerasguard.pinning.direct_url import DirectUrl
from mlflow_kerasguard.pinning.lines import needs_wheel, own_line, pins, require_index, requirement_lines, warn_of_local
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
    assert requirement_lines(several) == ["a @ git+https://example.org/x@abc", "b==2.0", "c==3.0", own_line()]


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
    warn_of_local([item], {"thing": role})
    assert ("`thing` came from files or directories of this machine" in caplog.text) is warned
    require_index([item], {"thing": role}, frozenset({"thing"}))
    if wheel:
        with pytest.raises(ModelNotLoggableError, match=r"`thing` 1\.0 was installed from `file:"):
            require_index([item], {"thing": role}, frozenset())


def test_this_package_is_another_matter(tmp_path):
    assert not needs_wheel(installed(tmp_path, THIS_DISTRIBUTION, direct=DIRECTORY), "serving")
