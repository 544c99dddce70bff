"""KG1xx: is the file whole, and is it wise to load it?

What a file is as a file comes as anomalies from the readers, one rule for each topic of their
catalogue. What its configuration asks for is judged here, object by object.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import Level, Mismatch
from mlflow_kerasguard.formats.anomalies import KINDS, Topic, shown
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.model import Kind, ModelSpec, ObjectRef
from mlflow_kerasguard.rules import demands, file_names, gadgets
from mlflow_kerasguard.rules.registry import rule
from mlflow_kerasguard.rules.view import comes_with_code, keras_api, keras_is_missing, registered_by_keras

LAMBDA = "keras.layers.Lambda"

_TRUST = "name the object in `trusted`"

#: Layers that hold or open a whole program of another framework.
_FOREIGN_PROGRAMS = {
    "TFSMLayer": "opens a SavedModel, a program of its own, at a path that the file gives",
    "TorchModuleWrapper": "unpickles a PyTorch module, and a pickle runs any code",
}


def _refuse(where: str, expected: str, found: str, remedy: str = "save it again with Keras") -> Mismatch:
    fix = f"don't load the file; if it is your own, {remedy}"
    return Mismatch(where=where, expected=expected, found=found, fix=fix)


def _claim(model: ModelSpec, topic: Topic, fix: str | None = None) -> Iterator[Mismatch]:
    """The anomalies of a topic."""
    for item in model.anomalies:
        kind = KINDS.get(item.kind)
        if kind is not None and kind.topic is topic:
            refused = _refuse(item.where, kind.expected, item.found)
            yield replace(refused, fix=fix) if fix else refused


def _is_trusted(model: ModelSpec, ref: ObjectRef) -> bool:
    """Whether the caller vouches for the object: by its path, or for a layer of Keras by its public one."""
    of_keras = ref.top_level_module in {None, "keras", "tf_keras"}
    return ref.path in model.trusted or (of_keras and f"keras.layers.{ref.class_name}" in model.trusted)


@rule(
    "KG101",
    Level.ERROR,
    title="the file can't be read as a Keras model",
    why="What is cut off, damaged or something else can't be loaded, and its remains can't be judged.",
    prevents_loading=True,
)
def unreadable(model: ModelSpec, _env: Environment) -> Iterator[Mismatch | Unknown]:
    fix = "fetch or save the model again"
    found = list(_claim(model, Topic.UNREADABLE, fix))
    if not found and not model.readable and not model.objects:
        # Whatever kept the reader from it is told by another rule, and isn't a reason to let it pass.
        found = [Mismatch(where="file", expected="a model's configuration", found="none that could be read", fix=fix)]
    yield from found


@rule(
    "KG102",
    Level.ERROR,
    title="extension and content of the file disagree",
    why="Keras chooses its loader by the extension alone: a zip archive has to be named `.keras`, an HDF5 file `.h5` "
    "or `.hdf5`. The wrong loader refuses the file, or reads another model from it than a check did.",
    prevents_loading=True,
)
def wrong_extension(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    name, container = str(model.details.get("file_name", "")), str(model.details.get("container"))
    if not name or model.config is None or file_names.suits_all(name, container):
        return
    if container == "zip":
        yield _misnamed(name, "a zip archive", ".keras", "Keras")
    elif not keras_is_missing(model, env):
        api = keras_api(model, env)
        loader = f"`{api.package}` {api.version}"
        if container == "hdf5":
            if not file_names.takes_any_hdf5(api):
                yield _misnamed(name, "an HDF5 file", ".h5", loader)
        elif model.format == "keras" and not file_names.takes_directories(api):
            yield Mismatch(
                where="file",
                expected="a `.keras` archive",
                found=f"a directory, which {loader} doesn't load",
                fix="zip it: in the directory, run `zip -0 -r ../model.keras .`",
            )


def _misnamed(name: str, what: str, extension: str, loader: str) -> Mismatch:
    return Mismatch(
        where="file",
        expected=f"the extension `{extension}` for {what}",
        found=f"{what} named {shown(name)}, which {loader} won't read",
        fix=f"rename it to {shown(name.rsplit('.', 1)[0] + extension)}",
    )


@rule(
    "KG103",
    Level.ERROR,
    title="the file carries Python code",
    why="A lambda is stored as Python bytecode, which runs with all rights of the process that loads the model, on any "
    "loader that doesn't refuse it or is told to trust the file.",
)
def embedded_code(model: ModelSpec, _env: Environment) -> Iterator[Mismatch | Unknown]:
    for ref in model.objects:
        for where in gadgets.bytecode(ref):
            if not _is_trusted(model, _holder(model, ref)):
                expected = "names of functions and classes only"
                fix = f"replace it by a registered layer or function; to load it as is, pass `trusted=['{LAMBDA}']`"
                yield Mismatch(where=where, expected=expected, found="the bytecode of a lambda", fix=fix)


def _holder(model: ModelSpec, ref: ObjectRef) -> ObjectRef:
    """The layer that a lambda belongs to, which is what people vouch for; else the object itself."""
    if ref.kind is Kind.LAMBDA and ref.parent is not None and ref.parent < len(model.objects):
        parent = model.objects[ref.parent]
        return parent if parent.class_name == "Lambda" else ref
    return ref


@rule(
    "KG104",
    Level.ERROR,
    title="the configuration names something that models aren't built from",
    why="Loaders look up whatever module and name the file gives, and call it while they build or run the model. "
    "A function that opens files, fetches from the network or runs commands turns a model file into a program.",
)
def gadget(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    packaged = model.origin.packaged_modules
    for ref in model.objects:
        reason = gadgets.why_unsafe(ref)
        if reason is None or ref.path in model.trusted or comes_with_code(ref, model, env):
            continue
        if ref.module not in packaged and ref.top_level_module not in packaged:
            expected = "layers, operations, losses and the like, or custom code of the model's own"
            yield _refuse(ref.where, expected, f"{shown(ref.path)}, {reason}", _TRUST)


@rule(
    "KG105",
    Level.ERROR,
    title="a layer runs another framework's program",
    why="Some layers only wrap a program of TensorFlow or PyTorch. What it does can't be seen from the model's "
    "configuration, and it runs with all rights of the process.",
)
def foreign_program(model: ModelSpec, _env: Environment) -> Iterator[Mismatch | Unknown]:
    for ref in model.objects:
        if ref.class_name in _FOREIGN_PROGRAMS and ref.kind is Kind.CLASS and not _is_trusted(model, ref):
            yield Mismatch(
                where=ref.where,
                expected="layers that Keras builds itself",
                found=f"`{ref.class_name}`, which {_FOREIGN_PROGRAMS[ref.class_name]}",
                fix=f"rebuild that part from Keras layers, or pass `trusted=['keras.layers.{ref.class_name}']`",
            )


@rule(
    "KG106",
    Level.ERROR,
    title="a layer reads another file when the model is loaded",
    why="Where a vocabulary is a text instead of a list, the loader opens it as a path or URL: it can read any file of "
    "the machine or call out, and elsewhere the file is missing or another one.",
)
def reads_file(model: ModelSpec, _env: Environment) -> Iterator[Mismatch | Unknown]:
    for ref in model.objects:
        for key, path in demands.files_opened(ref):
            if not _is_trusted(model, ref):
                yield Mismatch(
                    where=f"{ref.where}.{key}",
                    expected="the entries themselves, or an asset inside the file",
                    found=f"the path {shown(path)}",
                    fix="build the layer from a list, or call `adapt`, and save the model again",
                )


@rule(
    "KG107",
    Level.ERROR,
    title="an object's name is a path that leads elsewhere",
    why="Keras builds paths from names when it looks for weights and assets; a name with `..`, a leading slash or a "
    "backslash reaches outside of the model's files.",
)
def escaping_name(model: ModelSpec, _env: Environment) -> Iterator[Mismatch | Unknown]:
    for ref in model.objects:
        name = ref.config.get("name")
        # A slash alone is common: Keras 2 named layers after TensorFlow's scopes.
        if isinstance(name, str) and demands.leads_elsewhere(name):
            yield _refuse(ref.where, "a plain name", f"the name {shown(name)}", "rename the object and save it again")


@rule(
    "KG108",
    Level.ERROR,
    title="one of Keras's own objects is registered under another name",
    why="Keras looks for the registered name first: the file shows a class of Keras, and a class that some installed "
    "package registered is built in its place.",
)
def disguised(model: ModelSpec, _env: Environment) -> Iterator[Mismatch | Unknown]:
    for ref in model.objects:
        name = ref.registered_name
        if not name or ref.top_level_module not in {"keras", "tf_keras"} or name in {ref.class_name, "function"}:
            continue
        if registered_by_keras(ref):
            continue
        if not {name, ref.path} & model.trusted and name not in model.origin.provided_objects:
            expected = f"no registered name for {shown(ref.path)}, which is one of Keras's own"
            yield _refuse(ref.where, expected, f"the registered name {shown(name)}", _TRUST)


@rule(
    "KG109",
    Level.ERROR,
    title="the file asks for more memory than it fills",
    why="A few bytes can declare arrays, archives or layers that fill the memory or the disk of the machine that loads "
    "them; a sound file stores about as much as it declares.",
)
def oversized(model: ModelSpec, _env: Environment) -> Iterator[Mismatch | Unknown]:
    yield from _claim(model, Topic.SIZE)
    if {item.kind for item in model.anomalies} & {"weights-not-indexed", "weights-damaged", "npz-pickle"}:
        return  # How much is stored isn't known.
    stored = sum(weight.size for weight in model.weights)
    for ref in model.objects:
        declared = demands.weight_values(ref)
        if demands.exceeds(declared, stored):
            expected = f"a layer that fits the {stored:,} weight values in the file"
            yield _refuse(ref.where, expected, f"one with about {declared:,} weight values")


@rule(
    "KG110",
    Level.ERROR,
    title="the archive isn't what a sound writer produces",
    why="Members that leave their place, hide behind one another or differ between the archive's two indexes make one "
    "reader see another model than the next, or write outside of the directory they are unpacked to.",
)
def unsound_archive(model: ModelSpec, _env: Environment) -> Iterator[Mismatch | Unknown]:
    yield from _claim(model, Topic.ARCHIVE)


@rule(
    "KG111",
    Level.ERROR,
    title="the HDF5 file holds what no weight needs",
    why="Links and external storage make the loader read other files of the machine as weights, and references, "
    "records or plug-in filters reach code of the HDF5 library that numbers never do.",
)
def unsound_hdf5(model: ModelSpec, _env: Environment) -> Iterator[Mismatch | Unknown]:
    yield from _claim(model, Topic.HDF5)


@rule(
    "KG112",
    Level.ERROR,
    title="the configuration's JSON can be read in two ways",
    why="Where a key is there twice, or nesting goes beyond what parsers take, a check and a loader may each see a "
    "model of their own.",
)
def ambiguous_json(model: ModelSpec, _env: Environment) -> Iterator[Mismatch | Unknown]:
    yield from _claim(model, Topic.JSON)


@rule(
    "KG113",
    Level.WARNING,
    title="the file holds something that Keras doesn't write",
    why="It does no harm by itself, and says that the file went through other hands than Keras's.",
)
def odd_content(model: ModelSpec, _env: Environment) -> Iterator[Mismatch | Unknown]:
    yield from _claim(model, Topic.ODD, "save the model again with Keras if the file's way to you is in doubt")


@rule(
    "KG114",
    Level.ERROR,
    title="the logged model's files aren't as they were logged",
    why="The files of a logged model belong together. One that is missing, changed, added or leads elsewhere can make "
    "the server load something else than what was logged and approved.",
)
def unsound_artifact(model: ModelSpec, _env: Environment) -> Iterator[Mismatch | Unknown]:
    for item in model.anomalies:
        # The kinds of a model directory are the artifact reader's; none may go unclaimed.
        if item.kind not in KINDS:
            yield Mismatch(
                where=item.where,
                expected="the files as they were logged",
                found=item.found,
                fix="fetch the model again, or log it again",
            )
