"""What isn't adopted, and that nothing of the model runs before that is known; nothing stays behind where it fails."""

from __future__ import annotations

import os
import pickle
import re
import shutil
import zipfile
from pathlib import Path

import mlflow
import pytest
import yaml
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from mlflow_kerasguard import (
    AdoptionError,
    IncompatibleModelError,
    LoadFailedError,
    ModelNotFoundError,
    UnsuitableRequirementsError,
    UsageError,
    adopt,
)
from mlflow_kerasguard.artifact import open_logged_model
from mlflow_kerasguard.registry import publishing
from mlflow_kerasguard.tracking import fetch
from tests.keras_cases import keras
from tests.registry import stock

pytestmark = [
    pytest.mark.usefixtures("store"),
    pytest.mark.filterwarnings("ignore::UserWarning:(mlflow|keras).*", "ignore:.*HDF5 file.*"),
]

#: What `mlflow.keras` leaves out of its requirements.
BACKEND = ["tensorflow==2.20.0"]


def _adopt_unloaded(model, **arguments):
    return adopt(model, rehearse=False, extra_pip_requirements=BACKEND, **arguments)


def _signature(uri):
    return open_logged_model(fetch(uri)).signature


def test_without_rehearsal_the_logged_requirements_stay(models):
    python_env = models / "functional" / "python_env.yaml"
    python_env.write_text(re.sub("python: .*", "python: 3.12.4", python_env.read_text()))
    conda = yaml.safe_load((models / "functional" / "conda.yaml").read_text())
    conda["dependencies"][0] = "python=3.12.4"
    (models / "functional" / "conda.yaml").write_text(yaml.safe_dump(conda))
    uri = stock.register(models / "functional")

    adoption = _adopt_unloaded(uri)

    assert (adoption.uri, adoption.rehearsal) == ("models:/stock/2", "skipped")
    assert "requirements" in adoption.report.environment
    new = fetch("models:/stock/2")
    signature = _signature("models:/stock/2")
    assert (signature.python, signature.model.backend) == ("3.12.4", "tensorflow")
    assert dict(adoption.pins).keys() == {"keras", "mlflow", "mlflow-kerasguard", "tensorflow"}
    assert {*stock.PINS["keras"], *BACKEND} <= set((new / "requirements.txt").read_text().splitlines())
    assert yaml.safe_load((new / "python_env.yaml").read_text())["python"] == "3.12.4"
    mlmodel = yaml.safe_load((new / "MLmodel").read_text())
    assert mlmodel["flavors"]["python_function"]["python_version"] == "3.12.4"
    assert not (new / "kerasguard" / "golden.npz").exists()
    assert mlflow.pyfunc.load_model("models:/stock/2").predict(stock.two_inputs()) is not None


def test_code_is_packaged_without_running_it(models):
    code = models / "custom" / "code" / "own_layers.py"
    code.write_text(f"{code.read_text()}\nopen({str(models / 'ran')!r}, 'w').close()\n")
    uri = stock.register(models / "custom")
    adoption = adopt(uri, rehearse=False)
    assert not (models / "ran").exists()
    signature = _signature(adoption.uri)
    assert signature.code.objects == {
        "Scale": "own_layers:Scale",
        "own>Shift": "own_layers:Shift",
        "twice": "own_layers:twice",
    }
    assert set(signature.code.fingerprints) == set(signature.code.objects)
    example = mlflow.models.Model.load(adoption.uri).load_input_example(str(fetch(adoption.uri)))
    assert example.shape == (4, 3)


class _Hostile:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("rehearse", [True, False])
def test_a_pickle_is_never_read(models, rehearse):
    for name in ("data/custom_objects.cloudpickle", "data/global_custom_objects.cloudpickle", "code/more.pkl"):
        (models / "custom" / name).write_bytes(pickle.dumps(_Hostile(models / "ran")))
    adoption = adopt(stock.register(models / "custom"), rehearse=rehearse)
    assert adoption.outcome == "adopted"
    assert not (models / "ran").exists()
    assert not [path for path in fetch(adoption.uri).rglob("*") if "pickle" in path.name or path.suffix == ".pkl"]


def _refused(error, model, match, **arguments):
    before = stock.everything()
    with pytest.raises(error, match=match):
        adopt(model, **arguments)
    assert stock.everything() == before


def test_a_lambda_is_refused_unless_trusted(models):
    path = models / "lambda.keras"
    stock.sequential(keras.layers.Lambda(lambda x: x + 1)).save(path)
    _refused(IncompatibleModelError, path, "KG1", to="bare")
    requirements = [*stock.PINS["keras"], *BACKEND]
    options = {"rehearse": False, "pip_requirements": requirements, "trusted": ["keras.layers.Lambda"]}
    assert adopt(path, to="bare", **options).uri == "models:/bare/1"


def test_a_broken_file_is_refused(models):
    file = models / "functional" / "data" / "model.keras"
    file.write_bytes(file.read_bytes()[:-200])
    _refused(IncompatibleModelError, stock.register(models / "functional"), "KG1")


def test_a_file_that_is_gone_is_refused(models):
    (models / "functional" / "data" / "model.keras").unlink()
    _refused(IncompatibleModelError, stock.register(models / "functional"), "KG101")


def test_code_that_would_replace_the_guard_is_refused(models):
    (models / "custom" / "code" / "mlflow_kerasguard.py").write_text("raise SystemExit\n")
    _refused(IncompatibleModelError, stock.register(models / "custom"), "in place of the installed one")


def test_a_model_that_keras_here_does_not_know_is_refused_before_it_runs(models):
    shutil.rmtree(models / "custom" / "code")
    _refused(IncompatibleModelError, stock.register(models / "custom"), "KG501")


def test_an_exported_model_is_refused(models):
    directory = models / "exported"
    stock.save_stock("keras", stock.sequential(), directory, stock.rows(2, 3), save_exported_model=True)
    _refused(AdoptionError, stock.register(directory), "holds no `.keras` or HDF5 file")


def test_a_backend_that_nobody_names_is_asked_for(models):
    uri = stock.register(models / "functional")
    _refused(UnsuitableRequirementsError, uri, "leave out `tensorflow`", rehearse=False)


def test_missing_requirements_are_asked_for(models):
    for name in ("requirements.txt", "conda.yaml"):
        (models / "functional" / name).unlink()
    uri = stock.register(models / "functional")
    _refused(UsageError, uri, "has no `requirements.txt`", rehearse=False)
    given = models / "given.txt"
    given.write_text("\n".join([*stock.PINS["keras"], *BACKEND]))
    assert adopt(uri, rehearse=False, pip_requirements=str(given)).outcome == "adopted"


def test_requirements_that_the_model_does_not_load_with_are_refused(models):
    uri = stock.register(models / "functional")
    given = ["keras==2.15.0", "tensorflow==2.15.0"]
    _refused(UnsuitableRequirementsError, uri, "its requirements", rehearse=False, pip_requirements=given)
    _refused(UsageError, uri, "no requirements file", rehearse=False, pip_requirements="nowhere.txt")


def test_what_is_wrong_is_told_before_anything_is_fetched(models):
    _refused(UsageError, models / "own.keras", "say which one gets it")
    _refused(ModelNotFoundError, models / "none.keras", "there is no model", to="bare")
    _refused(ModelNotFoundError, "models:/none/1", "there is no model version")
    _refused(UsageError, "models:/none/1", "packaged from a loaded model", rehearse=False, custom_objects={"a": dict})


def test_two_definitions_of_an_object_are_told(models):
    shutil.copy(models / "own_layers.py", models / "mine.py")
    code = [models / "own_layers.py", models / "mine.py"]
    source = models / "own.h5"
    _refused(UsageError, source, "is defined in `mine` and `own_layers`|is defined in", to="bare", code_paths=code)


@pytest.mark.parametrize("error", [MlflowException("no room"), KeyboardInterrupt()])
@pytest.mark.parametrize(
    "step",
    [
        "create_logged_model",
        "log_model_artifacts",
        "finalize_logged_model",
        "create_registered_model",
        "create_model_version",
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_nothing_stays_where_a_step_fails(models, monkeypatch, step, error, late):
    uri, original = stock.register(models / "functional"), getattr(MlflowClient, step)

    def fail(*arguments, **options):
        if late:  # The answer is what got lost.
            original(*arguments, **options)
        raise error

    before = stock.everything()
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, step, fail)
        with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else AdoptionError):
            _adopt_unloaded(uri, to="new")
    assert stock.everything() == before
    assert MlflowClient().get_model_version("stock", "1").tags == {}
    assert not list(Path.cwd().glob("mlruns/**/*.keras"))
    assert _adopt_unloaded(uri, to="new").uri == "models:/new/1"


def test_a_registered_model_that_was_there_stays(models, monkeypatch):
    uri = stock.register(models / "functional")
    before = stock.everything()
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "create_model_version", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            _adopt_unloaded(uri)
    assert stock.everything() == before


def test_what_cannot_be_removed_is_told(models, monkeypatch, caplog):
    uri = stock.register(models / "functional")

    def fail(*_, **__):
        raise MlflowException("no room")

    monkeypatch.setattr(MlflowClient, "log_model_artifacts", fail)
    monkeypatch.setattr(MlflowClient, "delete_logged_model", fail)
    with pytest.raises(AdoptionError, match="no room"):
        _adopt_unloaded(uri)
    assert "may be left behind" in caplog.text


def test_whoever_may_not_tag_the_old_version_is_told(models, monkeypatch):
    uri = stock.register(models / "functional")

    def fail(*_, **__):
        raise MlflowException("not yours")

    monkeypatch.setattr(MlflowClient, "set_model_version_tag", fail)
    adoption = _adopt_unloaded(uri)
    assert (adoption.outcome, adoption.uri) == ("adopted", "models:/stock/2")
    assert "couldn't be tagged" in adoption.notes[-1]


def test_a_dry_run_changes_nothing_and_runs_nothing(models):
    code = models / "custom" / "code" / "own_layers.py"
    code.write_text(f"{code.read_text()}\nopen({str(models / 'ran')!r}, 'w').close()\n")
    uri = stock.register(models / "custom")
    before = stock.everything()
    for rehearse in (True, False):
        adoption = adopt(uri, dry_run=True, rehearse=rehearse)
        assert (adoption.outcome, adoption.uri, adoption.name) == ("planned", None, "stock")
        assert adoption.report.ok
    assert stock.everything() == before
    assert not (models / "ran").exists()


def test_a_tag_that_is_not_true_does_not_count(models):
    uri = stock.register(models / "functional")
    tags = _adopt_unloaded(uri, to="other").to_dict()
    assert tags["uri"] == "models:/other/1"
    told = MlflowClient().get_model_version("other", "1").tags
    stock.register(models / "custom", name="other", tags=told)
    assert _adopt_unloaded(uri, to="other").uri == "models:/other/1", "the newest with the tags isn't a guarded one"
    assert _adopt_unloaded(uri, to="other", again=True).uri == "models:/other/3"


def test_all_versions_are_looked_through(monkeypatch, models):
    uri = stock.register(models / "functional")
    for _ in range(3):
        stock.register(models / "functional")
    search = MlflowClient.search_model_versions
    monkeypatch.setattr(
        MlflowClient,
        "search_model_versions",
        lambda *arguments, **options: search(*arguments, max_results=1, **options),
    )
    assert len(list(publishing.versions_of(MlflowClient(), "stock"))) == 4
    assert uri == "models:/stock/1"


def test_code_that_fails_is_told(models):
    code = models / "custom" / "code" / "own_layers.py"
    code.write_text(code.read_text().replace("return 3 * inputs", "raise ValueError('not today')"))
    _refused(LoadFailedError, stock.register(models / "custom"), "not today")


def test_a_damaged_zip_member_is_named(models):
    path = models / "own.keras"
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../outside", "x")
    _refused(IncompatibleModelError, path, "outside", to="bare", code_paths=[models / "own_layers.py"])
