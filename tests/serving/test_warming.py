"""Ready before the first request, and as it was."""

from __future__ import annotations

import numpy as np

from mlflow_kerasguard.serving import KerasModelWrapper
from mlflow_kerasguard.serving.warming import warm
from tests.keras_cases import BACKEND, Doubled, rows, sequential
from tests.serving.test_forward import stateful


def test_nothing_is_compiled_afterwards(monkeypatch):
    wrapper = KerasModelWrapper(sequential())
    assert warm(wrapper, rows(3, 3))
    monkeypatch.setattr(wrapper.forward, "prepare", None)
    assert wrapper.predict(rows(5, 3)).shape == (5, 2)


def test_inputs_are_made_up_where_none_are_kept():
    wrapper = KerasModelWrapper(sequential())
    assert warm(wrapper)
    assert wrapper.forward.independent is True


def test_states_are_as_they_were():
    model, data = stateful(), rows(2, 3, 4)
    wrapper = KerasModelWrapper(model)
    assert warm(wrapper, data)
    first = wrapper.predict(data)
    second = wrapper.predict(data)
    assert np.allclose(first, second) == (BACKEND == "jax"), "on JAX, Keras's own `predict` forgets as well"
    fresh = KerasModelWrapper(model)
    reset = getattr(model.layers[-1], "reset_state", None) or model.layers[-1].reset_states
    reset()
    np.testing.assert_allclose(fresh.predict(data), first, rtol=1e-4, atol=1e-6)


def test_a_model_that_says_nothing_is_left_cold(caplog):
    class Silent(Doubled):
        def get_build_config(self):
            return None

    model = Silent()
    model(rows(1, 3))
    assert not warm(KerasModelWrapper(model))
    assert "nothing says what it takes" in caplog.text
    assert "log it with `input_example`" in caplog.text


def test_inputs_that_dont_suit_the_model_are_told(caplog):
    class Picky(Doubled):
        def call(self, inputs):
            if inputs.shape[-1] != 3:
                raise ValueError("three columns only")
            return super().call(inputs)

        def get_build_config(self):
            return {"input_shape": (None, None)}

    model = Picky()
    model(rows(1, 3))
    assert not warm(KerasModelWrapper(model))
    assert "three columns only" in caplog.text
    assert warm(KerasModelWrapper(model), rows(2, 3))
