"""Keras's public names by release, held against what the installed Keras shows."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import distribution
from pathlib import Path

import pytest

from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.tensorflow_api import keras_names
from tests.keras_cases import is_installed
from tools.history.api_names import keras_names as read_names
from tools.history.package_files import InstalledFiles

EVERY = [(package, version) for package in keras_names.PACKAGES for version in keras_names.table(package).releases]
HERE = [package for package in ("keras", "tf_keras") if is_installed(package)]


@pytest.mark.parametrize(("package", "version"), EVERY)
def test_what_every_release_has(package, version):
    names = keras_names.find(package, version)
    assert {"keras", "keras.layers", "keras.layers.Dense", "keras.Model", "keras.losses.BinaryCrossentropy"} <= names
    assert not any(part.startswith("_") and not part.startswith("__") for name in names for part in name.split("."))
    assert len(names) > 700


@pytest.mark.parametrize(
    ("package", "name", "came", "went"),
    [
        ("keras", "keras.layers.MelSpectrogram", "3.1.0", None),
        ("keras", "keras.layers.ThresholdedReLU", "2.4.0", "3.0.0"),
        ("keras", "keras.ops.matmul", "3.0.0", None),
        ("tf.keras", "keras.layers.ThresholdedReLU", "2.4.0", None),
        ("tf_keras", "keras.layers.ThresholdedReLU", "2.14.1", None),
        ("keras", "keras.layers.Dense", "2.4.0", None),
        ("keras", "keras.layers.NeverThere", None, None),
    ],
)
def test_which_release_brought_and_dropped_a_name(package, name, came, went):
    table = keras_names.table(package)
    assert (table.first_with(name), table.first_without(name)) == (came, went)


def test_what_is_not_known():
    with pytest.raises(Unknown, match=r"the names of `keras` 2\.3\.1 aren't known"):
        keras_names.find("keras", "2.3.1")
    with pytest.raises(Unknown, match="the public names of `flax` aren't known"):
        keras_names.find("flax", "1.0")


@pytest.mark.parametrize("package", HERE)
class TestInstalledRelease:
    def test_the_row_is_what_the_reader_sees(self, package):
        found = distribution(package)
        files = InstalledFiles(Path(str(found.locate_file(""))), package)
        assert read_names(files, package) == keras_names.find(package, found.version)

    def test_the_names_can_be_imported(self, package):
        import_module("tests.keras_cases")  # It chooses the backend.
        module = import_module(package)
        for name in keras_names.find(package, distribution(package).version):
            value = module
            for part in name.split(".")[1:]:
                value = getattr(value, part)
