"""What is installed, and where it came from."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.pinning.installed import InstalledDistributions
from tests.pinning.builders import write_distribution

DIRECTORY = {"url": "file:///home/x", "dir_info": {}}


def test_facts_of_a_distribution(tmp_path):
    place = write_distribution(tmp_path, "My.Thing", "1.2", requires=("numpy",), direct_url=DIRECTORY)
    found = InstalledDistributions((str(tmp_path),)).find("my-thing")
    assert (found.name, found.version, found.distribution.requires) == ("my-thing", "1.2", ("numpy",))
    assert (found.directory, found.direct.is_directory) == (place, True)
    assert InstalledDistributions((str(tmp_path),)).find("absent") is None


def test_the_path_of_this_process_is_the_default():
    assert InstalledDistributions().find("packaging").direct is None


def test_what_conda_built_is_from_no_directory(tmp_path):
    write_distribution(tmp_path, "thing", direct_url=DIRECTORY, INSTALLER="conda\n")
    assert InstalledDistributions((str(tmp_path),)).find("thing").direct is None


@pytest.mark.parametrize(("tag", "pure"), [("py3-none-any", True), ("cp311-cp311-linux_x86_64", False)])
def test_compiled_or_not(tag, pure, tmp_path):
    write_distribution(tmp_path, "thing", tag=tag)
    assert InstalledDistributions((str(tmp_path),)).find("thing").is_pure is pure
