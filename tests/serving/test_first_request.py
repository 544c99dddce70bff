"""MLflow's scoring server, in memory, answers before anybody asks."""

from __future__ import annotations

import numpy as np
import pytest

from mlflow_kerasguard import artifact, golden, save_model
from mlflow_kerasguard.serving import KerasModelWrapper
from mlflow_kerasguard.serving.first_request import answer_request
from tests.keras_cases import IS_KERAS_3, keras, rows, sequential, several

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")

EXAMPLES = {"kept": rows(2, 3), "made up": None}


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_it_answers(example, tmp_path):
    model = sequential()
    save_model(model, tmp_path / "model", input_example=example, rehearse=False)
    wrapper = KerasModelWrapper(model)
    inputs = golden.read(tmp_path / "model" / artifact.GOLDEN).inputs
    statuses = answer_request(wrapper, tmp_path / "model", inputs)
    # Releases of MLflow whose server isn't an ASGI application can't be asked like that.
    assert set(statuses) <= {200}
    assert len(statuses) != 1


def test_inputs_in_a_list_go_by_their_names(tmp_path):
    model = several("list")
    save_model(model, tmp_path / "model", rehearse=False)
    asked = []

    class Asked(KerasModelWrapper):
        def predict(self, data, params=None):
            asked.append(data)
            return super().predict(data, params)

    statuses = answer_request(Asked(model), tmp_path / "model", [np.ones((2, 2)), np.ones((2, 2))])
    assert set(statuses) <= {200}
    assert all(set(data) == {"first", "second"} for data in asked)


def test_what_a_model_remembers_stays_as_it_was(tmp_path):
    shape = {"batch_shape": (1, 2, 3)} if IS_KERAS_3 else {"batch_input_shape": (1, 2, 3)}
    model = keras.Sequential([keras.layers.InputLayer(**shape), keras.layers.LSTM(2, stateful=True)])
    data = np.ones((1, 2, 3), "float32")
    save_model(model, tmp_path / "model", rehearse=False)
    wrapper = KerasModelWrapper(model)
    reset = model.layers[-1].reset_state if IS_KERAS_3 else model.reset_states
    reset()
    expected = wrapper.predict(data)
    reset()
    answer_request(wrapper, tmp_path / "model", data)
    np.testing.assert_allclose(wrapper.predict(data), expected, rtol=1e-5)


def test_where_the_server_cant_be_made_nothing_happens(tmp_path):
    assert answer_request(KerasModelWrapper(sequential()), tmp_path, rows(1, 3)) == []
