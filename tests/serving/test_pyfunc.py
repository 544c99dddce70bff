"""The model as ``mlflow.pyfunc`` loads it."""

from __future__ import annotations

import mlflow
import pytest
from mlflow.exceptions import MlflowException

from mlflow_kerasguard import save_model
from tests.keras_cases import BACKEND, keras, rows, sequential

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")


def test_the_size_of_batches_is_a_parameter_that_mlflow_lets_through(tmp_path):
    save_model(sequential(), tmp_path / "model", input_example=rows(5, 3), rehearse=False)
    model = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    assert [param.name for param in model.metadata.get_params_schema().params] == ["batch_size"]
    sizes = []
    run = model._model_impl.forward.run
    model._model_impl.forward.run = lambda template, leaves: sizes.append(len(leaves[0])) or run(template, leaves)
    data = rows(5, 3)
    assert model.predict(data, params={"batch_size": 2}).shape == model.predict(data).shape == (5, 2)
    assert sizes == [2, 2, 1, 5]
    with pytest.raises(MlflowException, match="batch_size"):
        model.predict(data, params={"batch_size": 0})
    with pytest.raises(MlflowException, match="Unable to retrieve"):
        model.unwrap_python_model()


def test_it_is_ready_when_it_is_loaded(tmp_path):
    save_model(sequential(), tmp_path / "model", input_example=rows(5, 3), rehearse=False)
    wrapper = mlflow.pyfunc.load_model(str(tmp_path / "model"))._model_impl
    assert wrapper.forward.independent is True
    if BACKEND == "tensorflow":
        assert [function.experimental_get_tracing_count() for function in wrapper.forward.backend.functions] == [1]


def test_integers_in_an_integer_model_without_an_example(tmp_path):
    layers = [keras.layers.InputLayer((4,), dtype="int32"), keras.layers.Embedding(10, 3)]
    save_model(keras.Sequential(layers), tmp_path / "model", rehearse=False)
    model = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    assert model.predict([[1.0, 2.0, 3.0, 4.0]]).shape == (1, 4, 3)
    with pytest.raises(MlflowException, match=r"holds 1\.5 in row 0, which can't be `int32`"):
        model.predict([[1.5, 2.0, 3.0, 4.0]])
