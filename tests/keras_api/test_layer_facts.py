"""How layers differ between releases, on the pieces of source that tell."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.keras_api import LoaderFacts
from mlflow_kerasguard.keras_api.layer_facts import with_layer_facts

TF = "import tensorflow.compat.v2 as tf\n"
PRIVATE = "_layer_checkpoint_dependencies"


def facts(**modules):
    """Of a release with these modules; ``hashing`` is ``layers.preprocessing.hashing``."""

    def read(*names):
        return next((text for name in names for module, text in modules.items() if name.endswith(module)), "")

    return with_layer_facts(LoaderFacts(slices_by_list=False), read)


def test_a_release_of_which_nothing_is_found():
    assert facts() == LoaderFacts(slices_by_list=False)


@pytest.mark.parametrize(
    ("text", "checks"),
    [
        ('if output_mode == "int" and not kwargs["dtype"] in ("int32", "int64"):', "word"),
        ('self.dtype_policy.name not in ("int32", "int64")', "policy"),
        ('kwargs["dtype"] = tf.int64', ""),
    ],
)
def test_how_hashing_checks_its_dtype(text, checks):
    assert facts(hashing=text).hashing_dtype == checks


def test_lookups_of_one_dtype():
    found = facts(string_lookup="allowed_dtypes = [tf.string]\n", integer_lookup="allowed_dtypes = [tf.int64]\n")
    assert found.lookup_dtypes == {"StringLookup=string", "IntegerLookup=int64"}
    assert facts(string_lookup='del kwargs["dtype"]').lookup_dtypes == frozenset()


def test_attention_of_keras_2():
    assert facts(multi_head_attention='query_shape = config.pop("query_shape")').attention_reads_shapes
    assert not facts(multi_head_attention="def build(self, query_shape, value_shape)").attention_reads_shapes


@pytest.mark.parametrize(
    ("text", "drops", "keeps_numbers"),
    [
        ('axis = config["config"].pop("axis", None)', True, False),
        ('axis = config["config"].pop("axis", None)\nelif isinstance(axis, (int, float)):', True, True),
        ("", False, False),
    ],
)
def test_what_becomes_of_an_axis(text, drops, keeps_numbers):
    found = facts(saving_utils=text)
    assert (found.hdf5_drops_axis, found.hdf5_keeps_axis_number) == (drops, keeps_numbers)


@pytest.mark.parametrize(
    ("hdf5", "normalization", "told"),
    [
        ("for layer in model.layers: layer.finalize_state()", "def finalize_state(self)", True),
        ("", "def finalize_state(self)", False),
        # Keras 2.4 reads the weights at each call.
        ("", "def call(self, inputs)", True),
    ],
)
def test_whether_layers_are_told_of_their_weights(hdf5, normalization, told):
    assert facts(hdf5_format=hdf5, normalization=normalization).hdf5_finalizes_state is told


@pytest.mark.parametrize(
    ("text", "keeps"),
    [
        ("super().__init__(layer, **kwargs)\nconfig = serialize_keras_object(layer)", True),
        ("super().__init__(**kwargs)\nconfig = serialize_keras_object(layer)", False),
        ("super().__init__(layer, **kwargs)\nself.forward_layer = self._recreate_layer_from_config(layer)", False),
    ],
)
def test_what_bidirectional_keeps(text, keeps):
    assert facts(bidirectional=text).bidirectional_keeps_layer is keeps


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        (f'if "{PRIVATE}" in self.h5_file:', {"layers", PRIVATE}),
        (f'ATTR_SKIPLIST = frozenset(\n    {{\n        "{PRIVATE}",', {"layers"}),
        ("import tensorflow.compat.v2 as tf\ndef _walk_trackable(trackable):", {PRIVATE}),
        ("def _walk_trackable(trackable):", {"layers"}),
        ("", set()),
    ],
)
def test_where_weights_are_looked_for(text, groups):
    assert facts(saving_lib=text).zip_layer_groups == groups


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("self.set_vocabulary(values, idf_weights=False)", True),
        ("if idf_weights is not False:\nself.set_vocabulary(values, idf_weights=False)", False),
        ("self.set_vocabulary(values)", False),
    ],
)
def test_whether_a_learned_vocabulary_with_weights_is_read(text, refused):
    assert facts(index_lookup=text).idf_assets_refused is refused


def test_normalization_of_like_shapes():
    assert facts(normalization="if np.shape(mean) != np.shape(variance):").normalization_checks_shapes
    assert not facts(normalization="self.input_mean = mean").normalization_checks_shapes


def test_what_keras_3_changed():
    found = facts(
        batch_normalization="self.axis = int(axis)",
        index_lookup="self.idf_weights = tf.Variable(",
        saving_utils="def model_from_config(config):",
        nn="return relu6(x + tf.constant(3.0, x.dtype)) / tf.constant(6.0, x.dtype)",
    )
    assert found.batch_axis_is_number
    assert found.lookups_without_weights
    assert found.hard_sigmoid_by_sixths
    assert not facts(index_lookup="self.idf_weights = tf.Variable(").lookups_without_weights


def test_how_layers_can_be_quantized():
    assert facts(dtype_policy='QUANTIZATION_MODES = ("int8", "float8")\n').quantization_modes == {"int8", "float8"}
    assert facts(dtype_policy="class DTypePolicy:\n").quantization_modes == frozenset()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("if not isinstance(input_shape[0], tuple):", True),
        ("@tf_utils.shape_type_conversion\nif not isinstance(input_shape[0], tuple):", False),
        ("if not isinstance(input_shape[0], (tuple, list)):", False),
    ],
)
def test_what_dot_is_built_from(text, wanted):
    assert facts(**{"merging.dot": text}).dot_wants_tuples is wanted


@pytest.mark.parametrize(
    ("text", "twice"),
    [
        (f"{TF}def _walk_trackable(trackable):\n    for trackable in container:", True),
        (f"{TF}def _walk_trackable(trackable):\n    if id(trackable) in visited_trackables:\n        continue", False),
        ("def _walk_trackable(trackable):\n    for trackable in container:", False),
        ("def _walk_saveable(saveable):\n", False),
        # Keras 3 walks through `layers`, also where it reads a file that has the private group.
        ('def _walk_trackable(trackable):\n    if "_layer_checkpoint_dependencies" in self.h5_file:', False),
    ],
)
def test_how_layers_of_a_class_are_counted(text, twice):
    assert facts(saving_lib=text).zip_counts_twice is twice


def test_what_releases_began_to_tell():
    assert facts(discretization="def finalize_state(self):").zip_forgets_bins
    assert not facts(discretization="def finalize_state(self):\ndef load_own_variables(self, store):").zip_forgets_bins
    assert facts(**{"models.sequential": "class Sequential(Model):\n"}).sequential_shape_unknown
    shape = "class Sequential(Model):\n    def compute_output_shape(self, input_shape):\n"
    assert not facts(**{"models.sequential": shape}).sequential_shape_unknown


def test_what_attention_is_built_for():
    check = "def compute_output_spec(self):\nif query_shape[-1] != value_shape[-1]:\n"
    assert facts(multi_head_attention=check).attention_wants_equal_widths
    assert not facts(multi_head_attention="if query_shape[-1] != value_shape[-1]:\n").attention_wants_equal_widths


def test_tables_and_bounds():
    assert facts(index_lookup="tracked_table = self._add_trackable(self._table, trainable=False)").lookups_never_in_hdf5
    assert not facts(index_lookup="self._add_trackable(VocabWeightHandler(self), False)").lookups_never_in_hdf5
    assert facts(random_shear="    _FACTOR_BOUNDS = (0, 1)\n").shear_bounds == "0,1"
    assert facts(random_shear="class RandomShear:\n").shear_bounds == ""


def test_what_an_input_needs():
    needs = 'raise ValueError("You must pass a `shape` argument.")\n'
    assert facts(input_layer=needs).input_ignores_old_shape
    assert not facts(input_layer=needs + 'kwargs.pop("batch_input_shape")').input_ignores_old_shape
    assert not facts(input_layer="class InputLayer:\n").input_ignores_old_shape
