"""KG2xx: operations of a SavedModel's graph, and whether the target TensorFlow knows them."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.version import Version

from mlflow_kerasguard import tensorflow_api
from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import Level, Mismatch
from mlflow_kerasguard.formats.anomalies import shown
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.model import ModelSpec
from mlflow_kerasguard.rules.environment import BACKENDS
from mlflow_kerasguard.rules.registry import rule
from mlflow_kerasguard.saved_graph import Graph, Operation, find_graph
from mlflow_kerasguard.tensorflow_api import TensorFlowRelease


@rule(
    "KG206",
    Level.ERROR,
    title="operation is missing from the target TensorFlow",
    why="A graph is rebuilt operation by operation, also where nothing calls it: the first one that this TensorFlow "
    "has not registered stops the load with `Op type not registered`.",
)
def missing_operation(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    for graph, release in _judged(model, env):
        for operation in graph.imported:
            if operation.name in release.operations:
                continue
            brought = tensorflow_api.operations().first_with(operation.name)
            if brought is None or Version(brought) < Version(release.version):
                yield _hidden(operation, release, brought)
                continue
            yield Mismatch(
                where=operation.where,
                expected=f"operation `{operation.name}`",
                found=f"TensorFlow {release.version} has no such operation; {brought} brought it",
                fix=f"pip install 'tensorflow>={brought}'",
            )


@rule(
    "KG207",
    Level.ERROR,
    title="operation's attribute is unknown to the target TensorFlow",
    why="What has its default value is left out when a graph is saved, so an attribute that is there changes what the "
    "operation does; TensorFlow refuses a node with one that it doesn't know.",
)
def unknown_attribute(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    for graph, release in _judged(model, env):
        for operation in graph.imported:
            for attribute in _not_taken(operation, release):
                if not graph.stripped:
                    yield Unknown(f"the graph may hold the attribute {shown(attribute)} with its default value")
                    continue
                newer = _first_with(operation, attribute, release)
                yield Mismatch(
                    where=operation.where,
                    expected=f"`{operation.name}` to take the attribute {shown(attribute)}",
                    found=f"`{operation.name}` of TensorFlow {release.version} doesn't know it",
                    fix=f"pip install 'tensorflow>={newer}'" if newer else None,
                )


@rule(
    "KG208",
    Level.ERROR,
    title="graph and target TensorFlow exclude each other by version",
    why="A graph says which GraphDef version wrote it and which ones may read it. TensorFlow holds to that where it "
    "imports the graph as a whole, as it does for models that TensorFlow 1 saved.",
)
def excluded_version(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    for graph, release in _judged(model, env):
        if graph.has_objects:
            continue  # Functions are imported one by one, under the reader's own version.
        if release.producer < graph.min_consumer or release.producer in graph.bad_consumers:
            expected = f"a TensorFlow with a GraphDef version of at least {graph.min_consumer}"
            if release.producer in graph.bad_consumers:
                expected = f"a TensorFlow with another GraphDef version than {release.producer}"
            yield _excluded(expected, f"TensorFlow {release.version} has the GraphDef version {release.producer}")
        elif graph.producer < release.min_producer:
            expected = f"a TensorFlow that reads graphs of version {graph.producer}"
            yield _excluded(expected, f"TensorFlow {release.version} reads version {release.min_producer} and later")


def _excluded(expected: str, found: str) -> Mismatch:
    return Mismatch(where="graph", expected=expected, found=found, fix="save the model with the target's TensorFlow")


def _judged(model: ModelSpec, env: Environment) -> Iterator[tuple[Graph, TensorFlowRelease]]:
    """The model's graph and the environment's TensorFlow, where there are both.

    Raises:
        Unknown: the TensorFlow, or what it knows, isn't known.
    """
    graph = find_graph(model)
    release = _tensorflow(env) if graph is not None else None
    if graph is not None and release is not None:
        yield graph, release


def _tensorflow(env: Environment) -> TensorFlowRelease | None:
    """The environment's TensorFlow; None where it has none, which another rule tells."""
    for name in BACKENDS["tensorflow"]:
        if name in env.distributions:
            return tensorflow_api.find_release(env.distributions[name].version)
    if not env.complete or any(env.lists(name) for name in BACKENDS["tensorflow"]):
        raise Unknown(f"{env.source} doesn't say which TensorFlow it has")
    return None


def _hidden(operation: Operation, release: TensorFlowRelease, brought: str | None) -> Unknown:
    """Why it can't be told whether a release has an operation that Python has no function for there."""
    name = shown(operation.name)
    if brought is None:
        return Unknown(f"the operation {name} isn't TensorFlow's own: which library brings it isn't known")
    # Of those whose function went, a third are still registered in later releases.
    return Unknown(
        f"TensorFlow {release.version} has no function for the operation {name} any more; it may know it still"
    )


def _not_taken(operation: Operation, release: TensorFlowRelease) -> Iterator[str]:
    if operation.name in release.operations:
        yield from (name for name in operation.attributes if not release.takes(operation.name, name))


def _first_with(operation: Operation, attribute: str, release: TensorFlowRelease) -> str | None:
    """The first later release whose operation takes the attribute."""
    having = tensorflow_api.operations().releases_with(f"{operation.name}{tensorflow_api.SEPARATOR}{attribute}")
    return next((version for version in having if Version(version) > Version(release.version)), None)
