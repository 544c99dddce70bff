"""A model's forward pass: compiled where that is possible and gives what the model itself gives."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np

from mlflow_kerasguard.errors import InvalidInputError
from mlflow_kerasguard.keras_runtime import innermost_message, runtime_of
from mlflow_kerasguard.output_differences import compare, tolerances_for
from mlflow_kerasguard.serving.declared import Declared, compute_dtype
from mlflow_kerasguard.serving.on_jax import Jax
from mlflow_kerasguard.serving.on_keras import OwnPredict, predicts_by_itself
from mlflow_kerasguard.serving.on_tensorflow import TensorFlow
from mlflow_kerasguard.serving.on_torch import Torch
from mlflow_kerasguard.serving.outputs import plain
from mlflow_kerasguard.serving.state import preserved
from mlflow_kerasguard.serving.structure import Template, flattened, mapped

_logger = logging.getLogger(__name__)

#: Runs one batch: arrays in the order of the template, to outputs in the structure of the model's own.
Run: TypeAlias = Callable[[Sequence[np.ndarray]], Any]
#: Shape, with None for a length that isn't fixed, and type of one leaf.
Spec: TypeAlias = tuple[tuple[int | None, ...], str]

#: Rows on which a compiled function is held against the model itself.
_TRIED_ROWS = 2


class Backend(Protocol):
    """How a forward pass runs on TensorFlow, JAX or torch.

    Attributes:
        specializes: whether what is compiled is for certain shapes and types only.
        compiles_each_size: whether it compiles again for each number of rows.
    """

    specializes: bool
    compiles_each_size: bool

    def compile(self, template: Template, specs: Sequence[Spec]) -> Run:
        """A compiled function; raises whatever a model raises that can't be compiled."""
        ...

    def eager(self, template: Template) -> Run:
        """A plain call."""
        ...


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A function and what it takes.

    Attributes:
        specs: of each leaf; None where the function takes any.
        run: the function.
    """

    specs: tuple[Spec, ...] | None
    run: Run

    def takes(self, leaves: Sequence[np.ndarray]) -> bool:
        return self.specs is None or all(
            dtype == _type(leaf) and len(shape) == leaf.ndim and _within(leaf.shape, shape)
            for (shape, dtype), leaf in zip(self.specs, leaves, strict=True)
        )


class Forward:
    """The forward pass, compiled once for each signature of inputs, by whichever thread comes first.

    Attributes:
        backend: what it runs on.
        independent: whether what is predicted for a row is the same whatever the other rows are; None until
            it has been tried.
    """

    def __init__(self, model: Any, declared: Declared) -> None:
        self._model = model
        self._declared = declared
        self.backend = _backend(model)
        self.independent: bool | None = None
        self._lock = threading.RLock()
        self._compiled: dict[Template, tuple[_Compiled, ...]] = {}

    def run(self, template: Template, leaves: Sequence[np.ndarray]) -> Any:
        """Run one batch.

        Args:
            template: the structure of the inputs.
            leaves: the inputs, in the types that the model takes, each with the same number of rows.

        Returns:
            The outputs as NumPy arrays, in the model's own structure.
        """
        for compiled in self._compiled.get(template, ()):
            if compiled.takes(leaves):
                return self._padded(compiled.run, leaves)
        return self._padded(self.prepare(template, leaves), leaves)

    def _padded(self, run: Run, leaves: Sequence[np.ndarray]) -> Any:
        """Let a few sizes serve all, where each size would be compiled."""
        if not (self.independent and self.backend.compiles_each_size):
            return run(leaves)
        rows = len(leaves[0])
        size = 1 << (rows - 1).bit_length()
        if size == rows:
            return run(leaves)
        # Copies of a row that the model takes: zeros may not suit it.
        filled = [np.concatenate([leaf, np.repeat(leaf[-1:], size - rows, axis=0)]) for leaf in leaves]
        return mapped(lambda output: output[:rows], run(filled))

    def prepare(self, template: Template, leaves: Sequence[np.ndarray]) -> Run:
        """Compile for such inputs, and look whether the compiled function gives what the model gives."""
        with self._lock:
            known = self._compiled.get(template, ())
            run = next((compiled.run for compiled in known if compiled.takes(leaves)), None)
            if run is not None:
                return run
            specs = self._specs(known, leaves)
            sample = leaves if self._declared.batch_rows else [leaf[:_TRIED_ROWS] for leaf in leaves]
            with preserved(self._model):
                run = self._made(template, specs, sample)
                if self.independent is None:
                    self.independent = self._rows_are_independent(run, sample)
            takes_any = self._declared.inputs or not self.backend.specializes
            kept = [one for one in known if one.specs is not None and not _covers(specs, one.specs)]
            self._compiled[template] = (*kept, _Compiled(None if takes_any else specs, run))
            return run

    def _specs(self, known: Sequence[_Compiled], leaves: Sequence[np.ndarray]) -> tuple[Spec, ...]:
        """What to compile for: where a second length comes, for all lengths."""
        if self._declared.inputs:
            return tuple((spec.shape, spec.dtype) for spec in self._declared.inputs)
        specs: tuple[Spec, ...] = tuple(((None, *leaf.shape[1:]), _type(leaf)) for leaf in leaves)
        for one in known:
            if one.specs is not None and _alike(one.specs, specs):
                specs = tuple(_relaxed(*pair) for pair in zip(one.specs, specs, strict=True))
        return specs

    def _made(self, template: Template, specs: Sequence[Spec], sample: Sequence[np.ndarray]) -> Run:
        """The compiled function where it gives what the model itself gives, else the model itself.

        Raises:
            Exception: whatever the model raises when it is called on the sample.
        """
        eager = self.backend.eager(template)
        try:
            run = self.backend.compile(template, specs)
            found = plain(run(sample))
        except Exception as error:  # noqa: BLE001 - whether it is the input's fault is seen next
            eager(sample)
            _logger.warning("the model isn't compiled, and slower than it could be: %s", innermost_message(error))
            return eager
        if isinstance(self.backend, Torch | OwnPredict):
            return run
        expected = plain(eager(sample))
        if self._same(expected, found) or not self._same(expected, plain(eager(sample))):
            return run
        # Layers that are also made for `tf.data` compute in another type when they are traced.
        if self._same(plain(OwnPredict(self._model).eager(template)(sample)), found):
            return run
        _logger.warning("the model isn't compiled, because it would predict otherwise: it keeps values in Python")
        return eager

    def _rows_are_independent(self, run: Run, sample: Sequence[np.ndarray]) -> bool:
        """Whether the first row's outputs stay the same beside another row."""
        if self._declared.batch_rows:
            return False
        first = [leaf[:1] for leaf in sample]
        try:
            alone, beside = plain(run(first)), plain(run(_two_rows(sample)))
        except Exception:  # noqa: BLE001 - a made-up row may not suit it
            return False
        if any(len(one) != 1 or len(two) != _TRIED_ROWS for one, two in _pairs(alone, beside)):
            return False
        independent = self._same(alone, mapped(lambda output: output[:1], beside))
        if not independent:
            _logger.info("the model's rows depend on each other, or on chance: batches are as small as Keras's own")
        return independent

    def _same(self, expected: Any, found: Any) -> bool:
        tolerances = tolerances_for(expected, compute_dtype(self._model))
        return all(item.same for item in compare(expected, found, tolerances))


def _backend(model: Any) -> Backend:
    if predicts_by_itself(model):
        return OwnPredict(model)
    backends: dict[str, type[Any]] = {"tensorflow": TensorFlow, "jax": Jax, "torch": Torch}
    backend: Backend = backends.get(runtime_of(model).backend, OwnPredict)(model)
    return backend


def _two_rows(sample: Sequence[np.ndarray]) -> list[np.ndarray]:
    if len(sample[0]) == _TRIED_ROWS and not all(np.array_equal(leaf[0], leaf[1]) for leaf in sample):
        return list(sample)
    return [np.concatenate([leaf[:1], np.zeros_like(leaf[:1])]) for leaf in sample]


def _pairs(alone: Any, beside: Any) -> list[tuple[Any, Any]]:
    return list(zip(*(map(np.atleast_1d, flattened(outputs)[1]) for outputs in (alone, beside)), strict=True))


def _type(leaf: np.ndarray) -> str:
    return "string" if leaf.dtype.kind == "U" else leaf.dtype.name


def _within(given: Sequence[int], shape: Sequence[int | None]) -> bool:
    return all(own is None or own == length for length, own in zip(given, shape, strict=True))


def _alike(first: Sequence[Spec], second: Sequence[Spec]) -> bool:
    """Whether types and ranks are the same."""
    return all(one[1] == two[1] and len(one[0]) == len(two[0]) for one, two in zip(first, second, strict=True))


def _relaxed(first: Spec, second: Spec) -> Spec:
    """What takes both."""
    shape = tuple(one if one == two else None for one, two in zip(first[0], second[0], strict=True))
    return shape, first[1]


def _covers(specs: Sequence[Spec], others: Sequence[Spec]) -> bool:
    return _alike(specs, others) and all(
        own is None or own == other
        for (shape, _), (another, _) in zip(specs, others, strict=True)
        for own, other in zip(shape, another, strict=True)
    )


def bad_input(error: Exception) -> InvalidInputError:
    """What a model raised, as an answer to who gave it the input."""
    found = _OPERATION_FAILED.search(str(error))
    reason = found[1].strip() if found else innermost_message(error)
    return InvalidInputError(f"the model doesn't predict on this input: {reason}")


#: TensorFlow puts the reason between the traceback of the model's definition and the operation's name.
_OPERATION_FAILED = re.compile(r"([^\n]+)\n\s*\[\[\{\{node ")
