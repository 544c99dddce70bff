"""Let the model in memory predict: MLflow's signature, its record of the example, and golden predictions."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow_kerasguard import artifact, golden, mlflow_private
from mlflow_kerasguard.errors import ModelNotLoggableError
from mlflow_kerasguard.example_inputs import OPEN_LENGTHS, generate_inputs
from mlflow_kerasguard.golden import Golden
from mlflow_kerasguard.keras_runtime import innermost_message
from mlflow_kerasguard.rehearsal_record import EXAMPLE, GENERATED
from mlflow_kerasguard.serving import KerasModelWrapper
from mlflow_kerasguard.serving.batches import BATCH_SIZE
from mlflow_kerasguard.serving.declared import compute_dtype

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What the model in memory predicted.

    Attributes:
        signature: MLflow's, given or inferred; None where there is none.
        example: what MLmodel says of the input example; None where there is none.
        inputs: where the golden inputs are from, ``example`` or ``generated``; None where there are none.
    """

    signature: Any = None
    example: Any = None
    inputs: str | None = None


def record_predictions(model: Any, signature: Any, input_example: Any, directory: Path) -> Recorded:
    """Predict on the input example, or on inputs made up from the model's description, and keep the outputs.

    Args:
        model: the Keras model.
        signature: MLflow's, as the user gave it.
        input_example: likewise.
        directory: of the artifact.

    Raises:
        ModelNotLoggableError: the model doesn't predict on the example.
    """
    wrapper = KerasModelWrapper(model)
    if input_example is None:
        if signature is None:
            _logger.warning("logging a Keras model without `signature` or `input_example`: its inputs aren't described")
        inputs_from = _record_generated(wrapper, signature, directory)
        return Recorded(signature=with_params(signature), inputs=inputs_from)
    data, params = mlflow_private.split_example(input_example)
    try:
        inputs = wrapper.inputs_from(data)
        recorded = _record(wrapper, inputs, generated=False)
    except Exception as error:
        raise ModelNotLoggableError(f"the model doesn't predict on `input_example`: {error}") from error
    golden.write(recorded, directory / artifact.GOLDEN)
    outputs = wrapper.presented(recorded.outputs, data)
    if isinstance(data, list | tuple) and any(hasattr(item, "shape") for item in data):
        data = wrapper.named_inputs(data)
    signature, example = _describe_example(signature, data, params, outputs, directory)
    return Recorded(signature=signature, example=example, inputs=EXAMPLE)


def _record_generated(wrapper: KerasModelWrapper, signature: Any, directory: Path) -> str | None:
    reason = "nothing says what it takes"
    for length in OPEN_LENGTHS:
        inputs = generate_inputs(wrapper.model, getattr(signature, "inputs", None), length)
        if inputs is None:
            break
        try:
            recorded = _record(wrapper, inputs, generated=True)
        except Exception as error:  # noqa: BLE001 - made-up inputs may not suit it
            reason = innermost_message(error)
            continue
        golden.write(recorded, directory / artifact.GOLDEN)
        return GENERATED
    _logger.warning(
        "the model doesn't predict on made-up inputs (%s), so its predictions aren't kept: give `input_example`", reason
    )
    return None


def _record(wrapper: KerasModelWrapper, inputs: Any, *, generated: bool) -> Golden:
    return golden.record(wrapper.predict_as_keras, inputs, compute_dtype(wrapper.model), generated=generated)


def with_params(signature: Any) -> Any:
    """A signature that lets ``batch_size`` through to ``predict``, unless it says itself which parameters there are."""
    from mlflow.models.signature import ModelSignature
    from mlflow.types import ParamSchema, ParamSpec

    if signature is None or signature.params is not None:
        return signature
    params = ParamSchema([ParamSpec(name=BATCH_SIZE, dtype="long", default=None)])
    return ModelSignature(inputs=signature.inputs, outputs=signature.outputs, params=params)


def _describe_example(given: Any, data: Any, params: Any, outputs: Any, directory: Path) -> tuple[Any, Any]:
    from mlflow.models.signature import infer_signature

    if isinstance(data, list) and any(hasattr(item, "shape") for item in data):
        _logger.warning(
            "MLflow can't describe a list of arrays, and this model's inputs have no names: "
            "the predictions on `input_example` are kept, a signature isn't inferred"
        )
        return with_params(given), None
    signature = with_params(given or infer_signature(data, outputs, params))
    return signature, mlflow_private.save_example(data if params is None else (data, params), directory)
