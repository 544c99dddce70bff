"""Packaged modules come back beside whatever the process has imported, and leave no trace in it."""

from __future__ import annotations

import hashlib
import re
import sys
import threading
from pathlib import Path

import pytest

from mlflow_kerasguard.custom_code.restore import Bundle, bundle_of
from mlflow_kerasguard.errors import KerasGuardError


def bundle(directory: Path, **sources: str) -> Bundle:
    files, digests = {}, {}
    for name, text in sources.items():
        path = directory / f"{re.sub('(?<=/)init$', '__init__', name.replace('__', '/'))}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        files[name.replace("__", ".").removesuffix(".init")] = path
        digests[path] = hashlib.sha256(path.read_bytes()).hexdigest()
    return Bundle(files, digests)


def test_a_bundle_leaves_the_process_as_it_was(tmp_path):
    before = (dict(sys.modules), list(sys.path), list(sys.meta_path))
    made = bundle(tmp_path, one="import two\nvalue = two.value\n", two="value = 5\n")
    assert made.resolve("one:value") == 5
    assert (sys.modules, sys.path, sys.meta_path) == before
    assert not list(tmp_path.rglob("__pycache__"))


def test_two_bundles_with_modules_of_one_name(tmp_path):
    sources = {"one": "def late():\n    import two\n    from two import value\n    return two.value, value\n"}
    first = bundle(tmp_path / "a", **sources, two="value = 1\n")
    second = bundle(tmp_path / "b", **sources, two="value = 2\n")
    late = [first.resolve("one:late"), second.resolve("one:late")]
    assert [function() for function in late] == [(1, 1), (2, 2)]
    assert bundle_of(late[0]) is first
    assert bundle_of(type("Gone", (), {"__module__": "one"})) is None
    assert bundle_of(test_two_bundles_with_modules_of_one_name) is None
    assert "two" not in sys.modules


def test_packages_in_a_bundle(tmp_path):
    made = bundle(
        tmp_path,
        pack__init="from .tools import tool\n",
        pack__tools="from dataclasses import dataclass\nimport os.path\n@dataclass\nclass Data:\n    x: 'int' = 1\ntool = Data\n",
        spread__part="import spread.other\nvalue = spread.other.value\n",
        spread__other="value = 7\n",
    )
    assert made.resolve("pack:tool")().x == 1
    assert made.resolve("spread.part:value") == 7
    with pytest.raises(ModuleNotFoundError):
        made.resolve("pack.absent:value")


def test_a_namespace_that_others_have_modules_in(tmp_path, monkeypatch):
    (tmp_path / "installed" / "spread").mkdir(parents=True)
    (tmp_path / "installed" / "spread" / "theirs.py").write_text("value = 3\n")
    monkeypatch.syspath_prepend(tmp_path / "installed")
    made = bundle(tmp_path / "own", spread__own="from spread.theirs import value\n")
    assert made.resolve("spread.own:value") == 3


def test_a_loaded_module_of_the_same_name_stays(tmp_path, local_modules):
    loaded = local_modules(one="value = 'loaded'\n")
    assert bundle(tmp_path / "own", one="value = 'packaged'\n").resolve("one:value") == "packaged"
    assert sys.modules["one"] is loaded


def test_late_imports_from_another_thread(tmp_path):
    made = bundle(tmp_path, one="def late():\n    import two\n    return two.value\n", two="value = 5\n")
    late, found = made.resolve("one:late"), []
    threads = [threading.Thread(target=lambda: found.append(late())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [5] * 8


def test_code_that_changed_since_the_check_isnt_run(tmp_path):
    made = bundle(tmp_path, one="value = 1\n")
    (tmp_path / "one.py").write_text("value = 2\n")
    with pytest.raises(KerasGuardError, match="changed after it had been checked"):
        made.resolve("one:value")
