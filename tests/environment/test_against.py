"""Which kind a description is, and checks against environments that aren't here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlflow_kerasguard.against import read_environment
from mlflow_kerasguard.checking import check, check_each
from mlflow_kerasguard.cli import main
from mlflow_kerasguard.errors import ModelNotFoundError, UsageError
from mlflow_kerasguard.findings import Verdict
from tests.builders import environment
from tests.files import dense, layer, write_keras

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")

EXPECTED = (
    "expected requirements such as `keras==3.8.0`, a requirements file, `pylock.toml`, `uv.lock`, conda "
    "`environment.yml`, a Python interpreter, a virtual environment, a logged model or a wheel of Keras"
)


@pytest.fixture(autouse=True)
def _releases(made_up_history):
    pass


@pytest.fixture
def good(tmp_path):
    return write_keras(tmp_path / "good.keras", dense())


@pytest.fixture
def bad(tmp_path):
    return write_keras(tmp_path / "bad.keras", layer("NoSuchLayer"))


@pytest.mark.parametrize("text", ["", "  "])
def test_nothing(text):
    with pytest.raises(UsageError) as error:
        read_environment(text)
    assert str(error.value) == f"an environment can't be empty; {EXPECTED}"


@pytest.mark.parametrize("name", ["gone.txt", "gone/uv.lock", "gone/", "keras.whl/x", "environment.yml"])
def test_a_path_to_nothing(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as error:
        read_environment(name)
    assert str(error.value) == f"there is nothing at `{name}`; {EXPECTED}"
    with pytest.raises(UsageError, match=r"^there is nothing at "):
        read_environment(Path(name))


def test_a_long_text_is_no_path():
    text = "keras==3.8.0 " + " ".join(f"some-package-{number}=={number}" for number in range(400))
    assert read_environment(text).distributions["keras"].version == "3.8.0"
    with pytest.raises(UsageError, match="isn't a requirement"):
        read_environment("keras==3.8.0\0")


def test_a_directory_of_something_else(tmp_path):
    with pytest.raises(UsageError) as error:
        read_environment(tmp_path)
    assert str(error.value) == f"the directory `{tmp_path}` has neither `MLmodel` nor `bin/python`; {EXPECTED}"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("Pipfile.lock", b'{"_meta": {}}', ", line 1: it is JSON, such as a `Pipfile.lock`; "),
        ("model.h5", b"\x89HDF\r\n\x1a\n\0", " is a program or binary file that isn't called Python; "),
    ],
)
def test_another_file(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError) as error:
        read_environment(tmp_path / name)
    assert str(error.value) == f"`{tmp_path / name}`{message}{EXPECTED}"


def test_a_keras_file_is_no_wheel(good):
    with pytest.raises(UsageError, match="expected a wheel of Keras"):
        read_environment(good)


def test_a_uri_of_nothing():
    with pytest.raises(ModelNotFoundError, match="no model could be fetched from `file:///nothing/here`"):
        read_environment("file:///nothing/here")


def test_a_uri_of_something_else(tmp_path):
    with pytest.raises(UsageError) as error:
        read_environment(tmp_path.as_uri())
    assert str(error.value) == f"`{tmp_path.as_uri()}` isn't a logged model; {EXPECTED}"


def test_only_a_python_and_variables_follow_a_file(tmp_path):
    (tmp_path / "r.txt").write_text("keras==3.8.0")
    assert read_environment(f"{tmp_path}/r.txt python==3.12").python == "3.12"
    with pytest.raises(UsageError) as error:
        read_environment(f"{tmp_path}/r.txt jax==0.5.0")
    assert (
        str(error.value) == f"`jax` can't be added to `{tmp_path}/r.txt`; expected `python==…` or environment variables"
    )


def test_an_unreadable_file():
    # Even root can't read this one: it is a process's memory, and its first page isn't there.
    with pytest.raises(UsageError, match=r"^`/proc/self/mem` can't be read: Input/output error; expected "):
        read_environment("/proc/self/mem")


@pytest.mark.parametrize(
    ("against", "verdict"),
    [
        ("keras==3.8.0", Verdict.COMPATIBLE),
        ("keras==3.8.0 python==3.8", Verdict.INCOMPATIBLE),
        ("keras>=3.8", Verdict.UNDECIDED),
        ("keras==99", Verdict.UNDECIDED),
        ("tensorflow==2.18.1", Verdict.UNDECIDED),
        ("jax==0.5.0", Verdict.UNDECIDED),
        (environment(packages={}), Verdict.INCOMPATIBLE),
        (environment(packages={}, complete=False), Verdict.UNDECIDED),
    ],
)
def test_a_good_model(good, against, verdict):
    report = check(good, against)
    assert report.verdict is verdict
    assert report.errors or report.undecided or verdict is Verdict.COMPATIBLE


def test_a_bad_model(bad):
    assert check(bad, "keras==3.8.0").verdict is Verdict.INCOMPATIBLE


def test_one_report_each(good):
    first, second = check_each(good, ["keras==3.8.0", "keras==3.5.0"])
    assert [first.environment, second.environment] == ["`keras==3.8.0` (keras 3.8.0)", "`keras==3.5.0` (keras 3.5.0)"]
    assert check_each(good, []) == ()


def test_against_something_else(good):
    with pytest.raises(UsageError) as error:
        check(good, 3)
    assert str(error.value) == "`against` takes None, a string, a path or an `Environment`, not 3"


@pytest.mark.parametrize(
    ("against", "status"),
    [
        (["keras==3.8.0"], 0),
        (["keras==3.8.0", "keras==99"], 3),
        (["keras==99", "keras==3.8.0 python==3.8", "keras==3.8.0"], 1),
        (["keras==3.8.7"], 2),
    ],
)
def test_the_worst_verdict_decides(good, against, status, capsys):
    options = [part for item in against for part in ("--against", item)]
    assert main(["check", str(good), *options]) == status
    output = capsys.readouterr()
    if status == 2:
        assert output.err.startswith(
            "kerasguard: error: `keras==3.8.7`: there is no release 3.8.7 of `keras`; expected"
        )
        assert output.out == ""
    else:
        assert output.out == "\n\n".join(map(str, check_each(good, against))) + "\n"


def test_json_of_several(good, capsys):
    against = ["keras==3.8.0", "keras==3.5.0"]
    assert main(["check", str(good), "--format", "json", "--against", against[0], "--against", against[1]]) == 0
    assert json.loads(capsys.readouterr().out) == [report.to_dict() for report in check_each(good, against)]
    assert main(["check", str(good), "--format", "json", "--against", against[0]]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "compatible"


def test_a_check_against_requirements_imports_nothing_heavy(good):
    code = (
        "import sys\n"
        "from mlflow_kerasguard.cli import main\n"
        "main(['check', sys.argv[1], '--against', 'keras==99.0'])\n"
        "print([name for name in ('keras', 'tensorflow', 'mlflow', 'yaml') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code, good], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
