"""What a Keras release offers: names and parameters, never the classes themselves.

:class:`KerasApi` is the same whether it was read from an installed package, a wheel or a shipped
history; only the lookup behind it differs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mlflow_kerasguard.model import ObjectRef


class Unknown(Exception):
    """Something about the environment isn't known; the text says what.

    A rule lets it pass; the engine turns it into an ``Undecided``.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassApi:
    """What can be handed to a class through ``from_config``.

    Attributes:
        path: where it is defined, such as ``keras.src.layers.core.dense.Dense``.
        bases: the paths of all its ancestors in this Keras, nearest first.
        parameters: names that the constructor takes, through its bases.
        required: those of them without a default.
        dropped: config keys that ``from_config`` takes away or translates before constructing.
        supplied: constructor arguments that ``from_config`` fills in itself.
        accepts_any: unknown keys are swallowed without an error.
        rebuildable: it has a ``from_config``, by which the loader makes its objects.
        build: the parameters of ``build`` that have no default; None where no class of Keras defines it.
        keeps_assets: it has state beyond its weights (a vocabulary), which ``save_assets`` writes.
        call: the parameters of its ``call``, without ``self``, with ``*`` and ``**`` where it takes any;
            None where that isn't known.
        hands_input_back: the tensor that it says it returns is the one that it was given.
        unknown: why the parameters couldn't be read; None where they could.
    """

    path: str
    bases: tuple[str, ...] = ()
    parameters: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()
    supplied: frozenset[str] = frozenset()
    accepts_any: bool = False
    rebuildable: bool = True
    build: tuple[str, ...] | None = None
    keeps_assets: bool = False
    call: tuple[str, ...] | None = None
    hands_input_back: bool = False
    unknown: str | None = None

    def accepts(self, key: str) -> bool:
        """Whether a config key gets through ``from_config`` and the constructor.

        Raises:
            Unknown: the constructor's chain couldn't be followed.
        """
        if key in self.parameters or key in self.dropped or self.accepts_any:
            return True
        if self.unknown:
            raise Unknown(f"the parameters of `{self.path}` can't be read: {self.unknown}")
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionApi:
    """A function that a configuration may name.

    Attributes:
        path: where it is defined.
        exported_as: its canonical public name, the first that it is exported by; None where it is
            not exported.
        reachable: whether the loader finds it under the name that the file gives.
    """

    path: str
    exported_as: str | None = None
    reachable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class LoaderFacts:
    """How one release's loader and base classes behave.

    Flat, so that it can be shipped as data: each field is a bool, an int, a string, None, or a frozenset
    or tuple of strings.

    Attributes:
        importable: the only top-level modules that it imports by name; None where it imports any.
        canonical_names_only: a function is found only under the first name it is exported by,
            because what a module lookup finds has to be a ``KerasSaveable`` class.
        zip_safe_mode: lambdas in a `.keras` file are refused by default.
        hdf5_safe_mode: lambdas in a legacy HDF5 file are refused by default.
        hdf5_compiles_always: ``load_model(path, compile=False)`` compiles a model from HDF5 all the same.
        hdf5_rewritten: layer keys that the legacy HDF5 path of Keras 3 renames or drops.
        hdf5_lambda_dropped: the same for Lambda layers only.
        hdf5_replaces_strings: the legacy HDF5 path takes a string in a layer's config for a function
            where ``keras.layers`` has one of that name.
        nested_endpoints: a functional model's ``input_layers`` and ``output_layers`` may be a single
            endpoint or nest; else they have to be a list or dict of endpoints.
        calls_by_argument: it reads the calls of a graph as ``args`` and ``kwargs``, as Keras 3 writes them.
        counts_calls_afresh: it takes the number of a call in the file for the call's place among those
            that it makes itself; a model in a model of Keras 2, which counts from 1, is then one off.
        late_calls_refused: a call whose input isn't made yet stops it, where others come back to it later.
        stuck_calls_hang: it tries a call whose input never comes again and again, without end.
        nested_outputs_shifted: the number of a call of a functional model counts from 1 where the outer
            model's ``output_layers`` name it.
        single_outputs_unwrapped: where ``output_layers`` is a list of one, it makes a model that returns a
            tensor; else the model returns a list, which the next layer of a Sequential isn't made for.
        uncallable: base classes without a ``call`` of their own, which an earlier Keras let pass.
        slices_by_list: the ``GetItem`` operation takes a list of slices, which a tuple is after JSON.
        value_kinds: the ``class_name`` of values (slices, tensors, …) that it understands; None where
            its source doesn't show them.
        hashing_dtype: what ``Hashing`` holds against ``int32`` and ``int64``: the ``word`` that it is
            given, the name of its ``policy``; empty where it doesn't check.
        lookup_dtypes: lookup layers that take one data type only, as ``StringLookup=string``.
        attention_reads_shapes: ``MultiHeadAttention`` can't be rebuilt without the shapes in its config.
        hdf5_drops_axis: the legacy HDF5 path of Keras 3 drops ``axis`` but for a list of one number.
        hdf5_keeps_axis_number: it hands on a plain number as well.
        hdf5_finalizes_state: the legacy HDF5 path tells layers when their weights are there.
        lookups_never_in_hdf5: lookup layers always have a table among their weights, which HDF5 can't give back.
        shear_bounds: between which two numbers the factors of ``RandomShear`` have to be, as ``0,1``; empty where
            it doesn't say.
        normalization_checks_shapes: ``Normalization`` takes a mean and a variance of the same shape only.
        input_ignores_old_shape: ``InputLayer`` passes over ``batch_input_shape`` and is then without a shape.
        dot_wants_tuples: ``Dot`` can't be built from shapes that are lists, which they are after JSON.
        batch_axis_is_number: ``BatchNormalization`` takes a number as its axis, not a list of one.
        lookups_without_weights: lookup layers keep what they learned beside their weights, where a
            legacy HDF5 file of Keras 2 has it among them.
        hard_sigmoid_by_sixths: ``hard_sigmoid`` is ``x / 6 + 0.5``, and not ``0.2 * x + 0.5``.
        idf_assets_refused: a lookup layer stumbles over its own learned vocabulary where that comes
            with weights for each entry (``tf_idf``).
        normalization_keeps_weights: ``Normalization`` has its three variables also where mean and variance
            are given.
        normalization_reshapes: ``Normalization`` takes as many numbers as it has features, and doesn't spread
            a single one over them.
        attention_wants_equal_widths: ``MultiHeadAttention`` is built for queries and values of the same last dimension.
        attention_hides_scores: ``Attention`` says that it returns one tensor, also where it is asked for
            the scores as well.
        pipeline_keeps_dicts: ``Pipeline`` doesn't build its layers from their configurations.
        modes_before_multi_hot: preprocessing layers don't know the modes `multi_hot`, `one_hot` and
            `tf_idf`, which were called otherwise or weren't there.
        slashes_refused: layers, models and operations take no name with a ``/`` in it.
        zip_layer_groups: the groups of a `.keras` file's weights in which it looks for layers; empty
            where its source doesn't show them.
        zip_forgets_bins: a ``Discretization`` isn't told to work out its bins from what a `.keras` file has.
        sequential_shape_unknown: a Sequential can't tell the shape that it returns, which a wrapper asks for.
        zip_counts_twice: the layers with weights in a `.keras` file are counted twice, as ``dense`` and ``dense_2``.
        lambda_globals: the global names that a lambda finds besides Python's own; empty where its source
            doesn't show them.
        lambda_sees_module: a lambda finds the names of the module that defined it as well, if that is imported.
        lambda_defaults_refused: a lambda's defaults stay the list that JSON made of them, which no function takes.
        resize_interpolations: how images can be resized; empty where its source doesn't list it.
        loss_reductions: what a loss takes as its ``reduction``, with ``None`` as a word; empty where it isn't checked.
        quantization_modes: how layers can be quantized; empty where its source doesn't list it.
        computations: how layers compute, where releases differ, as ``RandomCrop=resizes``.
        bidirectional_keeps_layer: ``Bidirectional`` has the weights of the layer it was given besides
            those of the two that it makes of it.
    """

    importable: frozenset[str] | None = None
    canonical_names_only: bool = False
    zip_safe_mode: bool = False
    hdf5_safe_mode: bool = False
    hdf5_compiles_always: bool = False
    hdf5_rewritten: frozenset[str] = frozenset()
    hdf5_lambda_dropped: frozenset[str] = frozenset()
    hdf5_replaces_strings: bool = False
    nested_endpoints: bool = True
    calls_by_argument: bool = True
    counts_calls_afresh: bool = False
    late_calls_refused: bool = False
    stuck_calls_hang: bool = False
    nested_outputs_shifted: bool = False
    single_outputs_unwrapped: bool = True
    uncallable: frozenset[str] = frozenset()
    slices_by_list: bool = True
    value_kinds: frozenset[str] | None = None
    hashing_dtype: str = ""
    lookup_dtypes: frozenset[str] = frozenset()
    attention_reads_shapes: bool = False
    hdf5_drops_axis: bool = False
    hdf5_keeps_axis_number: bool = False
    hdf5_finalizes_state: bool = True
    bidirectional_keeps_layer: bool = False
    lambda_globals: frozenset[str] = frozenset()
    lambda_sees_module: bool = False
    lambda_defaults_refused: bool = False
    resize_interpolations: frozenset[str] = frozenset()
    loss_reductions: frozenset[str] = frozenset()
    quantization_modes: frozenset[str] = frozenset()
    computations: frozenset[str] = frozenset()
    lookups_never_in_hdf5: bool = False
    shear_bounds: str = ""
    normalization_checks_shapes: bool = False
    input_ignores_old_shape: bool = False
    dot_wants_tuples: bool = False
    batch_axis_is_number: bool = False
    lookups_without_weights: bool = False
    hard_sigmoid_by_sixths: bool = False
    idf_assets_refused: bool = False
    normalization_keeps_weights: bool = False
    normalization_reshapes: bool = False
    attention_hides_scores: bool = False
    attention_wants_equal_widths: bool = False
    pipeline_keeps_dicts: bool = False
    modes_before_multi_hot: bool = False
    slashes_refused: bool = False
    zip_layer_groups: frozenset[str] = frozenset()
    zip_counts_twice: bool = False
    zip_forgets_bins: bool = False
    sequential_shape_unknown: bool = False


class KerasApi(Protocol):
    """One Keras release's API, as far as a saved model can touch it."""

    @property
    def package(self) -> str:
        """``keras`` or ``tf_keras``."""

    @property
    def version(self) -> str:
        """The release."""

    @property
    def loader(self) -> LoaderFacts:
        """How the release's loader behaves."""

    def find_class(self, ref: ObjectRef, *, legacy_hdf5: bool) -> ClassApi | None:
        """The class that Keras would build for ``ref``, or None where it would find none.

        Args:
            ref: an object of kind class.
            legacy_hdf5: the file goes through the HDF5 loader, which resolves without modules.
        """

    def find_function(self, ref: ObjectRef, *, legacy_hdf5: bool) -> FunctionApi | ClassApi | None:
        """The function (or class given by name) that Keras would find for ``ref``, or None."""

    def has_operation(self, name: str) -> bool:
        """Whether ``keras.ops`` has an operation whose class is called so."""

    def keys_rewritten(self, ref: ObjectRef) -> frozenset[str]:
        """Config keys that the loader renames or drops before the class sees them.

        Keras 3 does so with layers that come without a module: those of legacy HDF5 files, and of a
        Sequential in the `.keras` files of Keras 2.12 to 2.14.
        """

    def replaces_string(self, ref: ObjectRef, value: str) -> bool:
        """Whether the loader takes a plain string in a layer's config for the name of a function."""

    def refuses_lambdas(self, *, legacy_hdf5: bool) -> bool:
        """Whether ``load_model`` with its defaults refuses a Python lambda."""

    def imports_module(self, ref: ObjectRef) -> bool:
        """Whether the loader imports the module of a class that isn't Keras's own by itself."""
