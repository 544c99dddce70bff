"""What logging, checking and warming leave of a model: all that it was."""

from __future__ import annotations

import numpy as np
import pytest

from mlflow_kerasguard import golden, save_model
from mlflow_kerasguard.artifact import GOLDEN
from mlflow_kerasguard.serving import KerasModelWrapper
from tests.keras_cases import IS_KERAS_3, keras, rows, sequential

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")


@pytest.fixture
def stateful():
    shape = {"batch_shape": (1, 2, 3)} if IS_KERAS_3 else {"batch_input_shape": (1, 2, 3)}
    return keras.Sequential([keras.layers.InputLayer(**shape), keras.layers.LSTM(2, stateful=True)])


def called(model, data) -> np.ndarray:
    output = model(data)
    return np.asarray(output.detach() if hasattr(output, "detach") else output)


def test_a_model_that_is_saved_remembers_what_it_did(stateful, tmp_path):
    data = np.ones((1, 2, 3), "float32")
    first, second = (called(stateful, data) for _ in range(2))
    reset = stateful.layers[-1].reset_state if IS_KERAS_3 else stateful.reset_states
    reset()
    np.testing.assert_allclose(called(stateful, data), first, rtol=1e-5)
    save_model(stateful, tmp_path / "model", rehearse=False)
    assert golden.read(tmp_path / "model" / GOLDEN).inputs.shape == (1, 2, 3)
    np.testing.assert_allclose(called(stateful, data), second, rtol=1e-5)
    assert not np.allclose(first, second)


def test_a_model_that_cant_predict_keeps_its_weights():
    model = sequential()
    before = model.get_weights()

    class Refusing(keras.callbacks.Callback):
        def on_predict_batch_end(self, *_, **__):
            raise ZeroDivisionError

    predict = model.predict
    model.predict = lambda *args, **options: predict(*args, callbacks=[Refusing()], **options)
    with pytest.raises(ZeroDivisionError):
        KerasModelWrapper(model).predict_as_keras(rows(2, 3))
    for value, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, expected)
