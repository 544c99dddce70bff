"""KG604, KG606 and KG609: what preprocessing layers learned, and whether the target puts it to use."""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import ANOTHER_RELEASE, Level, Mismatch
from mlflow_kerasguard.keras_api import KerasApi, Unknown
from mlflow_kerasguard.model import Kind, ModelSpec, ObjectRef
from mlflow_kerasguard.rules.registry import rule
from mlflow_kerasguard.rules.view import find_class, is_legacy_hdf5, keras_api, keras_is_missing, own_objects

#: What has a vocabulary, in the configuration or learned.
LOOKUPS = frozenset({"StringLookup", "IntegerLookup", "TextVectorization"})


@rule(
    "KG604",
    Level.ERROR,
    title="adapted state is loaded and not put to use",
    why="`Normalization` and `Discretization` work out what they use once their weights are there. Where the loader "
    "doesn't tell them so, they stay as they were made: the model loads, and its inputs aren't normalized or binned.",
)
def unused_state(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env):
        return
    api = keras_api(model, env)
    for ref in own_objects(model, env, Kind.CLASS):
        state = _unused(ref, model, api)
        if state and find_class(api, ref, model) is not None:
            yield Mismatch(
                where=ref.where,
                expected=f"`{ref.class_name}` to use the {state} in the file",
                found=f"the loader of `{api.package}` {api.version} for this format loads them without telling the "
                "layer",
                fix=ANOTHER_RELEASE,
            )


def _unused(ref: ObjectRef, model: ModelSpec, api: KerasApi) -> str | None:
    """What a layer learned and would not use."""
    if ref.class_name == "Normalization" and is_legacy_hdf5(model) and ref.config.get("mean") is None:
        return None if api.loader.hdf5_finalizes_state else "mean and variance"
    if ref.class_name == "Discretization" and model.format == "keras" and ref.config.get("bin_boundaries") is None:
        return "values to tell bins from" if api.loader.zip_forgets_bins else None
    return None


@rule(
    "KG606",
    Level.ERROR,
    title="learned vocabulary with weights can't be read back",
    why="A vocabulary that a layer learned for `tf_idf` has a weight for each entry. Keras 3 before 3.14 reads the "
    "entries without them and then counts the weights that aren't there; no such file loads.",
)
def weighted_vocabulary(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env) or model.format != "keras":
        return
    api = keras_api(model, env)
    for ref in own_objects(model, env, Kind.CLASS):
        learned = ref.config.get("output_mode") == "tf_idf" and ref.config.get("vocabulary") is None
        found = find_class(api, ref, model) if learned and api.loader.idf_assets_refused else None
        if found is not None and found.keeps_assets:
            yield Mismatch(
                where=ref.where,
                expected=f"`{ref.class_name}` to read the vocabulary that it learned for `tf_idf`",
                found=f"`{ref.class_name}` of `{api.package}` {api.version} stops at the missing `idf_weights`",
                fix=ANOTHER_RELEASE,
            )


@rule(
    "KG609",
    Level.ERROR,
    title="lookup table can't be read from HDF5",
    why="In Keras 2.4 and 2.5 a lookup layer always counts its table among its weights, also where the vocabulary is "
    "in the configuration; the HDF5 loader takes variables only, and refuses the layer.",
)
def table_in_hdf5(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if keras_is_missing(model, env) or not is_legacy_hdf5(model):
        return
    api = keras_api(model, env)
    for ref in own_objects(model, env, Kind.CLASS) if api.loader.lookups_never_in_hdf5 else ():
        if ref.class_name in LOOKUPS and find_class(api, ref, model) is not None:
            yield Mismatch(
                where=ref.where,
                expected=f"`{ref.class_name}` to be read from an HDF5 file",
                found=f"`{ref.class_name}` of `{api.package}` {api.version} has a table that HDF5 can't hold",
                fix=ANOTHER_RELEASE,
            )
