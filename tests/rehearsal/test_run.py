"""Rehearsals in real processes: what a fresh one can't do isn't logged, and says why."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import mlflow
import pytest

from mlflow_kerasguard import RehearsalFailedError, UsageError, check, load_model, log_model, save_model
from mlflow_kerasguard.pinning import carried
from mlflow_kerasguard.rehearsal import process, run
from mlflow_kerasguard.signature import CompatibilitySignature
from mlflow_kerasguard.wheels import WheelContents
from tests.keras_cases import BACKEND, IS_KERAS_3, keras, rows, sequential
from tests.pinning.builders import write_distribution

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:mlflow"),
    pytest.mark.filterwarnings("ignore:.*lambda:UserWarning"),
]

#: The parent's number is in the environment of both processes, so that a layer can tell where it is.
PARENT = "KERASGUARD_TEST_PARENT"

SOURCE = f"""
import importlib, os, signal, time
from pathlib import Path
import {keras.__name__} as keras

HERE = Path(__file__).parent
ELSEWHERE = os.environ.get("{PARENT}") != str(os.getpid())

class Odd(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.factor = 1.0
        INIT
    def call(self, inputs):
        CALL
        return inputs * self.factor
    def get_config(self):
        return super().get_config()
"""

#: What a layer does that a fresh process can't: in its constructor, in its call, and the words of the refusal.
FAILING = {
    "a file beside the current directory": (
        "self.words = Path('words.txt').read_text()",
        "pass",
        r"can't load the model: FileNotFoundError: .*'words.txt'\n  in packaged code, odd.py:\d+ in __init__",
    ),
    "a file by its whole path": (
        "self.words = Path(os.environ['WORDS']).read_text()",
        "pass",
        "this file doesn't travel with the model; add it to `code_paths`",
    ),
    "a module that is named at run time": (
        "pass",
        "importlib.import_module('named_later')",
        r"(?s)No module named 'named_later'.*import the module where its name",
    ),
    "another machine": (
        "pass",
        "if ELSEWHERE: raise RuntimeError('no such machine')",
        "RuntimeError: .*no such machine",
    ),
    "another result": ("self.factor = 2.0 if ELSEWHERE else 1.0", "pass", r"(?s)predicts otherwise.*output  6 of 6"),
    "the end of the process": (
        "if ELSEWHERE: print('so long', flush=True); os.kill(os.getpid(), signal.SIGKILL)",
        "pass",
        r"(?s)was ended by SIGKILL; it printed last:.*so long",
    ),
}


@pytest.fixture
def odd(local_modules, tmp_path, monkeypatch):
    """Makes a model with the layer."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(PARENT, str(os.getpid()))
    (tmp_path / "words.txt").write_text("a b c")
    monkeypatch.setenv("WORDS", str(tmp_path / "words.txt"))
    # Older than any process that is started from here on.
    os.utime(tmp_path / "words.txt", (1, 1))

    def make(init="pass", call="pass"):
        module = local_modules(odd=SOURCE.replace("INIT", init).replace("CALL", call), named_later="NUMBER = 1\n")
        return keras.Sequential([keras.layers.InputLayer((3,)), module.Odd()])

    return make


@pytest.mark.parametrize("case", FAILING.values(), ids=FAILING)
def test_what_fails_elsewhere_isnt_logged(case, odd, tmp_path):
    init, call, words = case
    with pytest.raises(RehearsalFailedError, match=words):
        save_model(odd(init, call), tmp_path / "out" / "model", input_example=rows(2, 3))
    assert not list((tmp_path / "out").iterdir())


def test_a_failed_rehearsal_leaves_nothing_in_the_store(odd, store):
    model = odd(call="if ELSEWHERE: raise RuntimeError('no such machine')")
    with pytest.raises(RehearsalFailedError):
        log_model(model, "model", input_example=rows(2, 3))
    assert mlflow.search_logged_models(output_format="list") == []


def test_a_load_that_never_ends(odd, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "TIME_LIMIT", 5)
    with pytest.raises(RehearsalFailedError, match="within 5 seconds"):
        save_model(odd("if ELSEWHERE: time.sleep(600)"), tmp_path / "model", input_example=rows(2, 3))


def _signature(path):
    return CompatibilitySignature.from_json((path / "kerasguard" / "signature.json").read_bytes())


def test_what_it_showed_is_in_the_signature_and_completes_the_requirements(odd, tmp_path):
    model = odd(call="importlib.import_module('sklearn.tree')")
    save_model(model, tmp_path / "model", input_example=rows(2, 3))
    signature = _signature(tmp_path / "model")
    shown = signature.rehearsal
    assert (shown.result, shown.inputs, shown.compile) == ("passed", "example", False)
    assert shown.versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert shown.versions[keras.__name__] == keras.__version__
    assert shown.seconds > 0
    [output] = shown.outputs
    assert (output.dtype, output.size, output.tolerance) == ("float32", 6, (1e-3, 1e-4))
    assert output.absolute < 1e-4
    assert shown.imports == ("sklearn",)
    assert "scikit-learn" in signature.distributions
    assert "scikit-learn==" in (tmp_path / "model" / "requirements.txt").read_text()
    assert not list((tmp_path / "model").glob("MLmodel.*"))


@pytest.fixture
def local_distribution(tmp_path, monkeypatch):
    """``acme-shift``, as it is after an installation from a directory; gives its module's file."""
    site = tmp_path / "site-packages"
    direct = {"url": "file:///somewhere/acme-shift", "dir_info": {}}
    record = "acme_shift.py,,\nacme_shift-1.0.dist-info/METADATA,,\n"
    write_distribution(site, "acme-shift", record=record, direct_url=direct)
    (site / "acme_shift.py").write_text("SHIFT = 5.0\n")
    monkeypatch.syspath_prepend(str(site))
    yield site / "acme_shift.py"
    sys.modules.pop("acme_shift", None)


def test_a_distribution_of_this_machine_that_only_the_rehearsal_shows_travels_too(odd, local_distribution, tmp_path):
    model = odd(call="importlib.import_module('acme_shift')")
    save_model(model, tmp_path / "model", input_example=rows(2, 3))
    [wheel] = (tmp_path / "model" / "kerasguard" / "wheels").glob("acme_shift-1.0+kg*.whl")
    assert f"kerasguard/wheels/{wheel.name}" in _signature(tmp_path / "model").files
    assert "acme-shift==1.0" in (tmp_path / "model" / "requirements.txt").read_text().splitlines()
    assert load_model(tmp_path / "model", verify=True)


def test_it_is_the_wheel_that_is_rehearsed(odd, local_distribution, tmp_path, monkeypatch):
    files = {"acme_shift.py": b"raise ImportError('a broken wheel')"}
    metadata = {"METADATA": b"Metadata-Version: 2.1\nName: acme-shift\nVersion: 1.0\n"}
    wheel = WheelContents(name="acme-shift", version="1.0", files=files, metadata=metadata)
    monkeypatch.setattr(carried, "contents_of", lambda distribution: wheel)
    with pytest.raises(RehearsalFailedError, match="a broken wheel"):
        save_model(odd(call="import acme_shift"), tmp_path / "model", input_example=rows(2, 3))


def test_inputs_are_made_up_where_there_is_no_example(tmp_path):
    model = sequential()
    model.compile("sgd", loss="mse")
    save_model(model, tmp_path / "model")
    shown = _signature(tmp_path / "model").rehearsal
    assert (shown.inputs, shown.compile, len(shown.outputs)) == ("generated", True, 1)
    assert load_model(tmp_path / "model", verify=True)


def test_it_can_be_turned_off_and_that_is_visible(tmp_path):
    save_model(sequential(), tmp_path / "model", rehearse=False)
    assert _signature(tmp_path / "model").rehearsal.result == "skipped"


def test_no_python_to_start(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(UsageError, match="pass `rehearse=False`"):
        save_model(sequential(), tmp_path / "model")


@pytest.mark.skipif(not IS_KERAS_3, reason="Keras 2 reads lambdas from HDF5 without being asked to trust them")
def test_an_allowed_lambda_binds_the_model_to_this_python(tmp_path):
    model = keras.Sequential([keras.layers.InputLayer((3,)), keras.layers.Lambda(lambda x: x * 2 + 1)])
    save_model(model, tmp_path / "model", input_example=rows(2, 3), allow_lambda=True)
    assert _signature(tmp_path / "model").rehearsal.result == "passed"
    other = "3.13" if sys.version_info < (3, 12) else "3.10"
    report = check(tmp_path / "model", f"keras=={keras.__version__} {BACKEND} python=={other}")
    assert "KG406" in {finding.code for finding in report.errors}
    assert "KG406" not in {finding.code for finding in check(tmp_path / "model").errors}
    loaded = load_model(tmp_path / "model", trusted=["keras.layers.Lambda"], verify=True)
    assert loaded.layers[-1].name.startswith("lambda")


def test_a_process_that_is_left_alone_ends(tmp_path):
    places = {"path": sys.path, "elsewhere": {}, "preload": []}
    done = subprocess.run(
        [sys.executable, "-I", process.__file__],
        input=json.dumps(places) + "\n",
        text=True,
        capture_output=True,
        cwd=tmp_path,
        timeout=120,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_process_that_never_started(tmp_path, monkeypatch):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no such library >&2\nexit 9\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    with pytest.raises(RehearsalFailedError, match=r"(?s)ended with exit status 9; it printed last:.*no such library"):
        save_model(sequential(), tmp_path / "model")
