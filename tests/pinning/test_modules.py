"""Which distribution a module came with."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.pinning.installed import InstalledDistributions
from mlflow_kerasguard.pinning.modules import ModuleOwners
from tests.pinning.builders import write_distribution

RECORDS = {
    "one": "one/__init__.py,sha256=a,1\none/part.py,sha256=a,1\none-1.0.dist-info/RECORD,,\n",
    "single": "../../bin/single,sha256=a,1\nsingle.py,sha256=a,1\n",
    "compiled": "_compiled.cpython-311-x86_64-linux-gnu.so,,\ncompiled/deep/fast.abi3.so,,\n",
    "other-compiled": "compiled/other.so,,\n",
    "google-auth": "google/auth/__init__.py,,\n",
    "protobuf": "google/protobuf/__init__.py,,\ngoogle/_upb/_message.abi3.so,,\n",
    "build": "thing/__init__.py,,\n",
    "build-cpu": "thing/__init__.py,,\n",
    "implicit": "implicit/part.py,,\n",
}
CASES = {
    "one": "one",
    "one.part": "one",
    "one.name_in_it": "one",
    "single": "single",
    "_compiled": "compiled",
    "compiled.deep.fast": "compiled",
    "compiled.other": "other-compiled",
    "google": None,
    "google.protobuf": "protobuf",
    "google.protobuf.message": "protobuf",
    "google.auth": "google-auth",
    "google.absent": None,
    "thing": "build",
    "implicit": "implicit",
    "absent": None,
    "bin": None,
}


@pytest.mark.parametrize(("module", "expected"), CASES.items(), ids=CASES)
def test_the_owner(module, expected):
    assert ModuleOwners(RECORDS).of(module) == expected


def test_of_what_is_installed_here():
    owners = ModuleOwners(InstalledDistributions().records())
    assert owners.of("yaml") == "pyyaml"
    assert owners.of("packaging.version") == "packaging"
    assert owners.of("google.protobuf.message") == "protobuf"


def test_old_metadata_names_modules_only(tmp_path):
    write_distribution(tmp_path, "old", **{"top_level.txt": "old\nolder\n"})
    (tmp_path / "empty-1.egg-info").mkdir()
    owners = ModuleOwners(InstalledDistributions((str(tmp_path),)).records())
    assert owners.of("older") == "old"
