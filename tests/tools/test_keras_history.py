"""Making the history of Keras: from wheels to rows, and rows to a file and back."""

from __future__ import annotations

import sqlite3
import zipfile
from contextlib import closing

import pytest

from mlflow_kerasguard.keras_api import history
from mlflow_kerasguard.model import ObjectRef
from tools.history import keras
from tools.history.wheels import Wheel

LAYERS = "class Layer:\n    def __init__(self, name=None): ...\n"
DENSE = "from keras.src.base import Layer\nclass Dense(Layer):\n    def __init__(self, units, {}**kwargs):\n        super().__init__(**kwargs)\n"
METADATA = (
    "Metadata-Version: 2.1\nName: keras\nRequires-Dist: numpy\nRequires-Dist: h5py>=3\nRequires-Python: >=3.9\n\ntext\n"
)


@pytest.fixture
def make_wheel(tmp_path):
    def make(version, files):
        path = tmp_path / f"keras-{version}.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in {**files, f"keras-{version}.dist-info/METADATA": METADATA}.items():
                archive.writestr(name, text)
        return Wheel(zipfile.ZipFile(path))

    return make


def files(extra="", **more):
    return {
        "keras/__init__.py": "",
        "keras/layers/__init__.py": "from keras.src.dense import Dense\n",
        "keras/src/__init__.py": "",
        "keras/src/base.py": LAYERS,
        "keras/src/base_test.py": "class Test: ...\n",
        "keras/src/datasets/mnist.py": "class Digits: ...\n",
        "keras/src/dense.py": DENSE.format(extra),
        **more,
    }


def row(make_wheel, version, files):
    wheel = make_wheel(version, files)
    return keras.read_row("keras", version, wheel, paths=wheel.names, wheel=wheel)


@pytest.fixture
def rows(make_wheel):
    texts = {
        "3.0.0": files(),
        "3.2.0": files("bias=None, "),
        "3.10.0": files("bias=None, ", **{"keras/src/new.py": "def f(): ...\n"}),
    }
    return [row(make_wheel, version, text) for version, text in texts.items()]


def test_a_row(rows):
    assert rows[0].requires == ("numpy", "h5py>=3")
    assert rows[0].requires_python == ">=3.9"
    assert set(rows[0].modules) == {"keras", "keras.layers", "keras.src", "keras.src.base", "keras.src.dense"}


def test_rows_come_back_as_they_were_written(rows, tmp_path):
    path = tmp_path / "history.sqlite"
    keras.write_rows([rows[2], rows[0], rows[1]], path)
    back = keras.read_rows(path)
    assert list(back) == [("keras", "3.0.0"), ("keras", "3.2.0"), ("keras", "3.10.0")]
    assert list(back.values()) == rows


def test_what_doesn_t_change_is_one_run(rows, tmp_path):
    path = tmp_path / "history.sqlite"
    keras.write_rows(rows, path)
    with closing(sqlite3.connect(path)) as connection:
        spans = connection.execute("SELECT name, first, last FROM modules ORDER BY name, first").fetchall()
    assert ("keras.src.base", 0, 2) in spans
    assert [span for span in spans if span[0] == "keras.src.dense"] == [
        ("keras.src.dense", 0, 0),
        ("keras.src.dense", 1, 2),
    ]
    assert ("keras.src.new", 2, 2) in spans


def test_the_same_releases_give_the_same_file(rows, tmp_path):
    keras.write_rows(rows, tmp_path / "a")
    keras.write_rows(rows[::-1], tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_file_answers(rows, tmp_path, monkeypatch):
    path = tmp_path / "history.sqlite"
    keras.write_rows(rows, path)
    with closing(sqlite3.connect(path)) as connection:
        monkeypatch.setattr(history, "_connection", lambda: connection)
        history.find_release.cache_clear()
        history._numbers.cache_clear()
        history._facts.cache_clear()
        try:
            assert history.releases("keras") == ("3.0.0", "3.2.0", "3.10.0")
            ref = ObjectRef(class_name="Dense", module="keras.layers", has_module=True, role="layers", parent=0)
            found = {
                v: history.find_release("keras", v).api.find_class(ref, legacy_hdf5=False) for v in ("3.0.0", "3.2.0")
            }
            assert {v: api.accepts("bias") for v, api in found.items()} == {"3.0.0": False, "3.2.0": True}
            assert found["3.0.0"].accepts("name")
        finally:
            history.find_release.cache_clear()
            history._numbers.cache_clear()
            history._facts.cache_clear()


def test_the_keras_inside_tensorflow_is_read_as_a_package_of_its_own(make_wheel):
    wheel = make_wheel(
        "2.4.4",
        {
            "tensorflow/python/keras/__init__.py": "",
            "tensorflow/python/keras/dense.py": "from tensorflow.python.keras.base import Layer\nclass Dense(Layer): ...\n",
            "tensorflow/python/keras/base.py": "class Layer: ...\n",
            "tensorflow/keras/layers/__init__.py": "from tensorflow.python.keras.dense import Dense\n",
            "tensorflow/python/ops/math.py": "",
        },
    )
    inside = keras.InsideTensorFlow(wheel)
    assert inside.names == {
        "keras/__init__.py",
        "keras/dense.py",
        "keras/base.py",
        "keras/api/_v2/keras/layers/__init__.py",
    }
    assert inside.read("keras/dense.py").startswith("from keras.base import Layer")
    assert inside.read("keras/gone.py") is None
    found = keras.read_row("keras", "2.4.0", inside, paths=inside.names, wheel=wheel)
    assert "keras.dense" in found.modules
    assert '"bases"' not in found.modules["keras.dense"]
    assert '"b":["Layer"]' in found.modules["keras.dense"]
