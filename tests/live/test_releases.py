"""Names of releases, Pythons for them, and the record, without starting any."""

from __future__ import annotations

import re

import pytest

from tests.live.__main__ import main
from tests.live.environments import MissingPython, find_python
from tests.live.record import read_record, write_record
from tests.live.releases import find_release


@pytest.mark.parametrize(
    ("name", "module", "python", "installed", "writes_keras_files"),
    [
        ("3.0.5", "keras", "3.11", "keras==3.0.5", True),
        ("k2.4", "tensorflow.keras", "3.8", "tensorflow-cpu==2.4.4", False),
        ("k2.11", "tensorflow.keras", "3.8", "tensorflow-cpu==2.11.1", False),
        ("k2.12", "tensorflow.keras", "3.8", "tensorflow-cpu==2.12.1", True),
        ("k2.15", "tensorflow.keras", "3.11", "tensorflow-cpu==2.15.1", True),
        ("tfk2.18", "tf_keras", "3.11", "tf-keras==2.18.*", True),
    ],
)
def test_a_name_says_what_to_install(name, module, python, installed, writes_keras_files):
    release = find_release(name)
    assert (release.module, release.python) == (module, python)
    assert installed in (release.own, *release.base)
    assert release.writes_keras_files is writes_keras_files


@pytest.mark.parametrize(
    ("name", "message"),
    [("3.8", "`3.8` is no release"), ("k2.3", "from k2.4 to k2.15"), ("tfk2.14", "began with 2.15"), ("", "expected")],
)
def test_a_name_that_is_none_is_refused(name, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        find_release(name)


def test_the_command_says_which_name_is_wrong(monkeypatch, tmp_path, capsys):
    arguments = ["--saver", "3.8", "--loader", "3.15.1", "--output", str(tmp_path)]
    monkeypatch.setattr("sys.argv", ["tests.live", *arguments])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "error: `3.8` is no release" in capsys.readouterr().err


def test_a_missing_python_is_said_plainly():
    with pytest.raises(MissingPython, match=r"no Python 3\.99, .*`uv python install 3\.99` brings one"):
        find_python("3.99")


def test_a_record_is_read_as_it_was_written(tmp_path):
    assert read_record(tmp_path) == {"releases": {}, "verdicts": {}}
    record = {"releases": {"3.8.0": {"keras": "3.8.0"}}, "verdicts": {"3.8.0": {"k2.4": {"Dense.h5": {"load": "ok"}}}}}
    write_record(tmp_path, record)
    assert read_record(tmp_path) == record
    assert [path.name for path in tmp_path.iterdir()] == ["verdicts.json.xz"]
