"""What a release's own layers do with values and weights, where releases differ: read from their source."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from mlflow_kerasguard.keras_api import LoaderFacts

#: Gives the text of the first of some modules that the release has.
ReadText = Callable[..., str]

#: Where the layers of a functional model are to be found in Keras 2, before `layers` in the alphabet.
_PRIVATE_GROUP = "_layer_checkpoint_dependencies"

#: Keras 2 keeps a layer with weights twice among its dependencies; later releases don't count it again.
_PASSES_OVER_VISITED = r"in visited_trackables:\s+continue"

#: How `MultiHeadAttention` compares what it is given.
_WIDTHS = "if query_shape[-1] != value_shape[-1]:"

_LOOKUPS = {"StringLookup": "string_lookup", "IntegerLookup": "integer_lookup"}


def with_layer_facts(facts: LoaderFacts, read: ReadText) -> LoaderFacts:
    """The facts about the loader, and those about the layers."""
    attention = read("layers.attention.multi_head_attention", "layers.multi_head_attention")
    hdf5 = read("legacy.saving.legacy_h5_format", "saving.legacy.hdf5_format", "saving.hdf5_format")
    legacy = read("legacy.saving.saving_utils")
    normalization = read("layers.preprocessing.normalization")
    lookup = read("layers.preprocessing.index_lookup")
    pipeline = read("layers.preprocessing.pipeline")
    bidirectional = read("layers.rnn.bidirectional")
    discretization = read("layers.preprocessing.discretization")
    sequential = read("models.sequential")
    saving = read("saving.saving_lib", "saving.experimental.saving_lib")
    return replace(
        facts,
        hashing_dtype=_hashing_dtype(read("layers.preprocessing.hashing")),
        lookup_dtypes=frozenset(_lookup_dtypes(read)),
        attention_reads_shapes='config.pop("query_shape")' in attention,
        hdf5_drops_axis='config["config"].pop("axis"' in legacy,
        hdf5_keeps_axis_number="isinstance(axis, (int, float))" in legacy,
        hdf5_finalizes_state="finalize_state()" in hdf5 or "def finalize_state" not in normalization,
        bidirectional_keeps_layer="serialize_keras_object(layer)" in bidirectional
        and "super().__init__(layer, **kwargs)" in bidirectional,
        lookups_never_in_hdf5="tracked_table = self._add_trackable(self._table" in lookup,
        shear_bounds=_shear_bounds(read("layers.preprocessing.image_preprocessing.random_shear")),
        normalization_checks_shapes="np.shape(mean) != np.shape(variance)" in normalization,
        input_ignores_old_shape=_ignores_old_shape(read("layers.core.input_layer")),
        dot_wants_tuples=_wants_tuples(read("layers.merging.dot")),
        batch_axis_is_number="self.axis = int(axis)" in read("layers.normalization.batch_normalization"),
        lookups_without_weights="self.idf_weights = tf.Variable(" in lookup and bool(legacy),
        hard_sigmoid_by_sixths="return relu6(x + tf.constant(3.0" in read("backend.tensorflow.nn"),
        idf_assets_refused="idf_weights=False)" in lookup and "idf_weights is not False" not in lookup,
        normalization_keeps_weights=bool(re.search(r"self\.mean = self\.(add_weight|_add_state_var)", normalization)),
        normalization_reshapes="mean = ops.reshape(mean, self._broadcast_shape)" in normalization,
        # Keras 2 has the check as well, where nothing asks for it while a graph is built.
        attention_wants_equal_widths="def compute_output_spec" in attention and _WIDTHS in attention,
        attention_hides_scores=_hides_scores(read("layers.attention.attention")),
        pipeline_keeps_dicts="class Pipeline" in pipeline and "def from_config" not in pipeline,
        modes_before_multi_hot='BINARY = "binary"' in lookup,
        quantization_modes=_quantization_modes(read("dtype_policies.dtype_policy")),
        slashes_refused='"/" in name' in read("ops.operation"),
        zip_layer_groups=_zip_layer_groups(saving),
        zip_forgets_bins="def finalize_state" in discretization and "def load_own_variables" not in discretization,
        sequential_shape_unknown="class Sequential" in sequential and "def compute_output_shape" not in sequential,
        zip_counts_twice=_counts_twice(saving),
    )


def _ignores_old_shape(text: str) -> bool:
    return "You must pass a `shape` argument" in text and "batch_input_shape" not in text


def _wants_tuples(merging: str) -> bool:
    """Keras 2 has a decorator that makes tuples of lists."""
    return "isinstance(input_shape[0], tuple)" in merging and "shape_type_conversion" not in merging


def _quantization_modes(text: str) -> frozenset[str]:
    listed = re.search(r"^QUANTIZATION_MODES = \(([^)]*)\)", text, re.MULTILINE)
    return frozenset(re.findall(r'"(\w+)"', listed[1])) if listed else frozenset()


def _shear_bounds(text: str) -> str:
    bounds = re.search(r"_FACTOR_BOUNDS = \(([-\d.]+), ([-\d.]+)\)", text)
    return f"{bounds[1]},{bounds[2]}" if bounds else ""


def _hides_scores(attention: str) -> bool:
    return "def compute_output_shape" in attention and "def compute_output_spec" not in attention


def _hashing_dtype(text: str) -> str:
    if re.search(r'kwargs\["dtype"\] (?:not )?in \("int32", "int64"\)', text):
        return "word"
    return "policy" if re.search(r'dtype_policy\.name not in \("int32", "int64"\)', text) else ""


def _lookup_dtypes(read: ReadText) -> list[str]:
    found = ((name, read(f"layers.preprocessing.{module}")) for name, module in _LOOKUPS.items())
    allowed = ((name, re.search(r"allowed_dtypes = \[tf\.(\w+)\]", text)) for name, text in found)
    return [f"{name}={match[1]}" for name, match in allowed if match]


def _counts_twice(text: str) -> bool:
    """Only what goes through Keras 2's private group meets a layer twice."""
    return _zip_layer_groups(text) == {_PRIVATE_GROUP} and not re.search(_PASSES_OVER_VISITED, text)


def _zip_layer_groups(text: str) -> frozenset[str]:
    """Keras 2 until 2.14 stumbles over a private attribute first; 2.15 leaves it out; Keras 3.0.2 knows both."""
    if f'"{_PRIVATE_GROUP}" in self.h5_file' in text:
        return frozenset({"layers", _PRIVATE_GROUP})
    if f'"{_PRIVATE_GROUP}",' in text:
        return frozenset({"layers"})
    if "def _walk_trackable" not in text:
        return frozenset()
    return frozenset({_PRIVATE_GROUP if "tensorflow" in text else "layers"})
