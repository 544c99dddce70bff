"""A layer that was changed after training: what is told, refused and loaded, policy by policy."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlflow_kerasguard import IncompatibleModelError, UsageError, _load_pyfunc, check, load_model, save_model
from mlflow_kerasguard.cli import main
from tests.conftest import _forget
from tests.keras_cases import keras, rows

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")

LAYERS = f"""
import {keras.__name__} as keras
from drift_helpers import factor

@keras.utils.register_keras_serializable("shop")
class MyCustomLayer(keras.layers.Layer):
    def __init__(self, units=2, bias=1.0, **kwargs):
        super().__init__(**kwargs)
        self.units, self.bias = units, bias

    def call(self, inputs):
        return inputs * factor() + self.bias

    def get_config(self):
        return {{**super().get_config(), "units": self.units, "bias": self.bias}}
"""
HELPERS = "def factor():\n    return 3.0\n"

#: Leaves a mark when it is imported, and doesn't let itself be imported.
NEVER = "import os, pathlib\npathlib.Path(os.environ['MARKER']).touch()\nraise RuntimeError('imported')\n"

#: What the host has instead, and how that is told.
CHANGES = {
    "a new parameter": (
        LAYERS.replace("bias=1.0", "bias=1.0, activation='relu'"),
        HELPERS,
        "`MyCustomLayer.__init__` gained `activation='relu'`",
    ),
    "a removed parameter": (
        LAYERS.replace(", bias=1.0", "").replace("units, bias", "units, 1.0"),
        HELPERS,
        "`MyCustomLayer.__init__` lost `bias=1.0`; the body of `MyCustomLayer.__init__` changed",
    ),
    "a changed body": (LAYERS.replace("+ self.bias", "- self.bias"), HELPERS, "`MyCustomLayer.call` changed"),
    "a changed helper": (
        LAYERS,
        HELPERS.replace("3.0", "5.0"),
        "`MyCustomLayer` uses `drift_helpers.factor`, whose body changed",
    ),
}
SAME = LAYERS.replace("    def call", "    # The product.\n    def call").replace(
    "Layer):\n", 'Layer):\n    """Multiplies."""\n'
)


def write(directory: Path, layers: str | None, helpers: str | None) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in (("drift_layers", layers), ("drift_helpers", helpers)):
        if text is not None:
            (directory / f"{name}.py").write_text(text, encoding="utf-8")
    return directory


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A logged model of the layer as it was."""
    directory, before = tmp_path_factory.mktemp("trained"), set(sys.modules)
    write(directory, LAYERS, HELPERS)
    sys.path.insert(0, str(directory))
    try:
        layer = importlib.import_module("drift_layers").MyCustomLayer(units=2, name="own")
        live = keras.Sequential([keras.layers.InputLayer((3,)), keras.layers.Dense(2), layer])
        save_model(live, directory / "model", input_example=rows(4, 3))
    finally:
        sys.path.remove(str(directory))
        _forget(directory, before)
        keras.utils.get_custom_objects().pop("shop>MyCustomLayer")
    return directory / "model"


@pytest.fixture
def host(tmp_path, monkeypatch):
    """Gives this process modules of its own; afterwards they are forgotten."""
    before, registered = set(sys.modules), dict(keras.utils.get_custom_objects())

    def make(layers, helpers):
        directory = write(tmp_path / "host", layers, helpers)
        monkeypatch.syspath_prepend(directory)
        monkeypatch.setenv("MARKER", str(tmp_path / "marker"))
        return directory

    yield make
    _forget(tmp_path / "host", before)
    keras.utils.get_custom_objects().clear()
    keras.utils.get_custom_objects().update(registered)


@pytest.mark.parametrize(("layers", "helpers", "words"), CHANGES.values(), ids=CHANGES)
def test_what_changed_is_told_and_the_packaged_code_is_used(layers, helpers, words, trained, host):
    host(layers, helpers)
    (found,) = [finding for finding in check(trained).findings if finding.code == "KG530"]
    assert words in found.found
    assert found.places == ('layers["own"]',)
    assert load_model(trained, verify=True)
    assert "drift_layers" not in sys.modules


@pytest.mark.parametrize("policy", ["host", "require-same"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_changed_is_refused(change, policy, trained, host):
    layers, helpers, words = change
    host(layers, helpers)
    with pytest.raises(IncompatibleModelError) as caught:
        load_model(trained, custom_code=policy)
    assert words in " ".join(str(caught.value).split())
    assert "KG531" in str(caught.value)
    assert "drift_layers" not in sys.modules


@pytest.mark.parametrize("policy", ["packaged", "host", "require-same"])
def test_comments_docstrings_and_layout_are_no_drift(policy, trained, host):
    directory = host(SAME, f"# Helpers.\n{HELPERS}")
    assert not [finding for finding in check(trained, custom_code=policy).findings if finding.code[:4] == "KG53"]
    layer = load_model(trained, custom_code=policy, verify=True).layers[-1]
    if policy == "host":
        assert type(layer) is sys.modules["drift_layers"].MyCustomLayer
        assert Path(sys.modules["drift_layers"].__file__).parent == directory
        # The module stays imported, so what it registered stays as well.
        assert keras.utils.get_custom_objects()["shop>MyCustomLayer"] is type(layer)
    else:
        assert "drift_layers" not in sys.modules


@pytest.mark.parametrize("policy", ["host", "require-same"])
def test_what_the_host_lacks_is_refused(policy, trained, host):
    host(None, HELPERS)
    with pytest.raises(IncompatibleModelError, match="this interpreter has no module `drift_layers`"):
        load_model(trained, custom_code=policy)
    assert load_model(trained, verify=True)


def test_objects_of_the_caller_win_over_the_hosts(trained, host):
    host("x = 1\n", HELPERS)

    class Mine(keras.layers.Layer):
        def __init__(self, units, bias, **kwargs):
            super().__init__(**kwargs)

    loaded = load_model(trained, custom_code="host", custom_objects={"shop>MyCustomLayer": Mine})
    assert type(loaded.layers[-1]) is Mine


@pytest.mark.parametrize("policy", ["packaged", "host", "require-same"])
def test_the_check_never_imports_the_hosts_modules(policy, trained, host, tmp_path):
    host(f"{NEVER}{LAYERS}", HELPERS)
    report = check(trained, custom_code=policy)
    assert report.ok == (policy != "require-same")
    if policy == "packaged":
        assert load_model(trained, verify=True)
    if policy == "require-same":
        assert "`drift_layers`" in report.findings[0].where
    assert not (tmp_path / "marker").exists()


FRESH = """
import json, os, sys
from mlflow_kerasguard import IncompatibleModelError, load_model
told = {}
for policy in ("host", "require-same"):
    try:
        load_model(sys.argv[1], custom_code=policy)
    except IncompatibleModelError as error:
        told[policy] = " ".join(str(error).split())
assert "drift_layers" not in sys.modules and "mlflow" not in sys.modules
load_model(sys.argv[1], verify=True)
assert "drift_layers" not in sys.modules
print(json.dumps(told))
"""


def fresh(code, *arguments, cwd, **variables):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(cwd), **variables}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=cwd, env=environment)


def test_in_a_fresh_process(trained, tmp_path):
    layers, helpers, words = CHANGES["a new parameter"]
    directory = write(tmp_path / "host", layers, helpers)
    done = fresh(FRESH, trained, cwd=directory)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert set(told) == {"host", "require-same"}
    assert all(words in text and "INCOMPATIBLE" in text for text in told.values())


def test_a_module_with_a_side_effect_in_a_fresh_process(trained, tmp_path):
    directory = write(tmp_path / "host", f"{NEVER}{LAYERS}", HELPERS)
    for policy in ("packaged", "host", "require-same"):
        code = f"import sys; from mlflow_kerasguard import check; print(check(sys.argv[1], custom_code={policy!r}).ok)"
        done = fresh(code, trained, cwd=directory, MARKER=str(tmp_path / "marker"))
        assert done.stdout == f"{policy != 'require-same'}\n", done.stderr
    assert not (tmp_path / "marker").exists()


def test_the_command(trained, host, capsys):
    layers, helpers, words = CHANGES["a changed helper"]
    host(layers, helpers)
    for options, status in (([], 0), (["--custom-code", "host"], 1), (["--custom-code", "require-same"], 1)):
        assert main(["check", str(trained), *options]) == status
        assert words in " ".join(capsys.readouterr().out.split())


def test_another_environment(trained, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "serving"], check=True)
    (site,) = (tmp_path / "serving").glob("lib/python3*/site-packages")
    layers, helpers, words = CHANGES["a changed body"]
    write(site, layers, helpers)
    report = check(trained, tmp_path / "serving", custom_code="host")
    (found,) = [finding for finding in report.findings if finding.code == "KG531"]
    assert found.found == f"`{tmp_path / 'serving'}` has another version: {words}"
    listed = check(trained, "keras==3.8.0", custom_code="host")
    assert {item.rule.code for item in listed.undecided} >= {"KG531", "KG532"}


def test_the_variable_for_pyfunc(trained, host, monkeypatch):
    host(*CHANGES["a changed body"][:2])
    assert _load_pyfunc(str(trained))
    monkeypatch.setenv("MLFLOW_KERASGUARD_CUSTOM_CODE", "require-same")
    with pytest.raises(IncompatibleModelError, match=r"MyCustomLayer\.call"):
        _load_pyfunc(str(trained))
    monkeypatch.setenv("MLFLOW_KERASGUARD_CUSTOM_CODE", "never")
    with pytest.raises(UsageError, match="`MLFLOW_KERASGUARD_CUSTOM_CODE` has to be `packaged`, `host` or"):
        _load_pyfunc(str(trained))


def test_what_the_signature_keeps_of_an_object(trained):
    code = json.loads((trained / "kerasguard" / "signature.json").read_text())["code"]
    own = code["fingerprints"]["shop>MyCustomLayer"]
    assert {"bias", "name", "units"} <= set(own["config_keys"])
    assert set(own["parts"]) == {"__init__", "call", "get_config"}
    assert {"drift_layers:factor", "drift_helpers:factor"} <= set(own["uses"])
    assert set(code["module_digests"]) == {"drift_layers", "drift_helpers"}
