"""Wheels of Keras, and archives that are none."""

from __future__ import annotations

import zipfile

import pytest

from mlflow_kerasguard.against import read_environment
from mlflow_kerasguard.environment import wheel as module
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.keras_api import Unknown
from tests.builders import ref

DENSE = """\
from keras.src.api_export import keras_export

@keras_export("keras.layers.Dense")
class Dense:
    def __init__(self, units, rank=None):
        pass
"""
FILES = {
    "keras/__init__.py": "",
    "keras/layers/__init__.py": "from keras.src.layers.core.dense import Dense as Dense\n",
    "keras/src/__init__.py": "",
    "keras/src/layers/__init__.py": "",
    "keras/src/layers/core/__init__.py": "",
    "keras/src/layers/core/dense.py": DENSE,
    "keras-3.99.0.dist-info/METADATA": "Name: keras\nVersion: 3.99.0\nRequires-Dist: numpy\nRequires-Python: >=3.11\n",
}


def write(path, files=FILES):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def test_a_wheel(tmp_path):
    path = write(tmp_path / "keras-3.99.0-py3-none-any.whl")
    env = read_environment(str(path))
    assert env.describe() == f"`{path}` (keras 3.99.0)"
    assert env.distributions["keras"].requires == ("numpy",)
    assert not env.complete
    api = env.read_keras_api("keras")
    assert (api.package, api.version) == ("keras", "3.99.0")
    dense = ref("keras.layers.Dense")
    assert api.find_class(dense, legacy_hdf5=False).accepts("rank")
    assert api.find_class(ref("keras.layers.Gone"), legacy_hdf5=False) is None
    with pytest.raises(Unknown, match="says nothing of `tf_keras`"):
        env.read_keras_api("tf_keras")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"numpy-2.1.0.dist-info/METADATA": "Name: numpy\nVersion: 2.1.0\n"},
            " is a wheel of `numpy`; expected one of `keras` or `tf-keras`",
        ),
        ({"config.json": "{}"}, " has no `*.dist-info/METADATA`; expected a wheel of Keras"),
    ],
)
def test_another_archive(tmp_path, files, message):
    path = write(tmp_path / "some.whl", files)
    with pytest.raises(UsageError) as error:
        read_environment(path)
    assert str(error.value) == f"`{path}`{message}"


def test_no_archive(tmp_path):
    (tmp_path / "keras.whl").write_text("no")
    with pytest.raises(UsageError) as error:
        read_environment(tmp_path / "keras.whl")
    assert (
        str(error.value)
        == f"`{tmp_path}/keras.whl` is no zip archive: File is not a zip file; expected a wheel of Keras"
    )


def test_a_wheel_that_goes_away(tmp_path):
    with pytest.raises(UsageError) as error:
        module.read_wheel(tmp_path / "keras.whl")
    assert str(error.value) == f"`{tmp_path}/keras.whl` can't be read: No such file or directory"


def test_a_damaged_member(tmp_path):
    path = write(tmp_path / "keras-3.99.0-py3-none-any.whl")
    content = path.read_bytes()
    # The first member that has content.
    start = content.index(b"keras/layers/__init__.py") + len("keras/layers/__init__.py")
    path.write_bytes(content[:start] + b"\0\0\0\0" + content[start + 4 :])
    api = read_environment(path).read_keras_api("keras")
    with pytest.raises(UsageError, match=r"`keras/layers/__init__.py` can't be read: .*; expected a sound wheel"):
        api.find_class(ref("keras.layers.Dense"), legacy_hdf5=False)
