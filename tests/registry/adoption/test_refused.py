"""What isn't adopted: the reason is told before anything of the model runs, and nothing is changed."""

from __future__ import annotations

import shutil
import zipfile

import pytest

from mlflow_kerasguard import (
    AdoptionError,
    IncompatibleModelError,
    LoadFailedError,
    ModelNotFoundError,
    UsageError,
    adopt,
)
from tests.keras_cases import keras
from tests.registry.adoption import stock
from tests.registry.adoption.stock import BACKEND, refused

pytestmark = [
    pytest.mark.usefixtures("store"),
    pytest.mark.filterwarnings("ignore::UserWarning:(mlflow|keras).*", "ignore:.*HDF5 file.*"),
]


def test_a_lambda_is_refused_unless_trusted(models):
    path = models / "lambda.keras"
    stock.sequential(keras.layers.Lambda(lambda x: x + 1)).save(path)
    refused(IncompatibleModelError, path, "KG1", to="bare")
    requirements = [*stock.PINS["keras"], *BACKEND]
    options = {"rehearse": False, "pip_requirements": requirements, "trusted": ["keras.layers.Lambda"]}
    assert adopt(path, to="bare", **options).uri == "models:/bare/1"


def test_a_broken_file_is_refused(models):
    file = models / "functional" / "data" / "model.keras"
    file.write_bytes(file.read_bytes()[:-200])
    refused(IncompatibleModelError, stock.register(models / "functional"), "KG1")


def test_a_file_that_is_gone_is_refused(models):
    (models / "functional" / "data" / "model.keras").unlink()
    refused(IncompatibleModelError, stock.register(models / "functional"), "KG101")


def test_code_that_would_replace_the_guard_is_refused(models):
    (models / "custom" / "code" / "mlflow_kerasguard.py").write_text("raise SystemExit\n")
    refused(IncompatibleModelError, stock.register(models / "custom"), "in place of the installed one")


def test_a_model_that_keras_here_does_not_know_is_refused_before_it_runs(models):
    shutil.rmtree(models / "custom" / "code")
    refused(IncompatibleModelError, stock.register(models / "custom"), "KG501")


def test_an_exported_model_is_refused(models):
    directory = models / "exported"
    stock.save_stock("keras", stock.sequential(), directory, stock.rows(2, 3), save_exported_model=True)
    refused(AdoptionError, stock.register(directory), "holds no `.keras` or HDF5 file")


def test_what_is_wrong_is_told_before_anything_is_fetched(models):
    refused(UsageError, models / "own.keras", "say which one gets it")
    refused(ModelNotFoundError, models / "none.keras", "there is no model", to="bare")
    refused(ModelNotFoundError, "models:/none/1", "there is no model version")
    refused(UsageError, "models:/none/1", "packaged from a loaded model", rehearse=False, custom_objects={"a": dict})


def test_two_definitions_of_an_object_are_told(models):
    shutil.copy(models / "own_layers.py", models / "mine.py")
    code = [models / "own_layers.py", models / "mine.py"]
    source = models / "own.h5"
    refused(UsageError, source, "is defined in `mine` and `own_layers`|is defined in", to="bare", code_paths=code)


def test_code_that_fails_is_told(models):
    code = models / "custom" / "code" / "own_layers.py"
    code.write_text(code.read_text().replace("return 3 * inputs", "raise ValueError('not today')"))
    refused(LoadFailedError, stock.register(models / "custom"), "not today")


def test_a_damaged_zip_member_is_named(models):
    path = models / "own.keras"
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../outside", "x")
    refused(IncompatibleModelError, path, "outside", to="bare", code_paths=[models / "own_layers.py"])
