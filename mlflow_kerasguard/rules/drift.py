"""KG5xx: packaged code, and what the environment has of the same modules."""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import Level, Mismatch
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.model import ModelSpec
from mlflow_kerasguard.policies import CustomCode
from mlflow_kerasguard.rules.registry import rule
from mlflow_kerasguard.source_code.definitions import Module
from mlflow_kerasguard.source_code.drift import ReadModule, is_bound, object_drift
from mlflow_kerasguard.source_identity import SCRIPT_MODULE_PREFIX

_USE_PACKAGED = 'use `custom_code="packaged"`'
_COMMIT_SHOWN = 12

#: What of an object's code differs: the modules in which it does, and the words.
_Drift = list[tuple[str, str]]


@rule(
    "KG530",
    Level.NOTE,
    title="environment has another version of packaged code",
    why="The code that travels with the model is what runs, so it predicts what it did. Whoever expects of it what the "
    "project's code does by now has to train and log again.",
)
def other_version(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if model.custom_code is CustomCode.PACKAGED:
        for target, found in _drifts(model, env):
            yield from [found] if isinstance(found, Unknown) else _told(target, found, model, env)


@rule(
    "KG531",
    Level.ERROR,
    title="environment's version of packaged code isn't the one that was logged",
    why="The policy asks for the environment's own code, or for the same code there. With other parameters the saved "
    "configuration doesn't fit, and with another body the model loads and predicts something else.",
)
def drift(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if model.custom_code is CustomCode.PACKAGED:
        return
    modules: set[str] = set()
    for target, found in _drifts(model, env):
        if isinstance(found, Unknown):
            yield found
        else:
            modules.update(module for module, _ in found)
            yield from _told(target, found, model, env)
    if model.custom_code is CustomCode.REQUIRE_SAME:
        yield from _other_drift(model, env, modules)


@rule(
    "KG532",
    Level.ERROR,
    title="environment lacks packaged code",
    why="The policy asks for the environment's own code, or for the same code there. A module or object that it lacks "
    "can be neither imported nor compared.",
)
def missing(model: ModelSpec, env: Environment) -> Iterator[Mismatch | Unknown]:
    if model.custom_code is CustomCode.PACKAGED:
        return
    read, targets = _reader(model, env), _targets(model)
    for module in sorted(model.origin.packaged_modules | {target.partition(":")[0] for target in targets}):
        inside = [target for target in targets if target.partition(":")[0] == module]
        try:
            yield from _missing(module, inside, model, env, read)
        except Unknown as unknown:
            yield unknown


def _drifts(model: ModelSpec, env: Environment) -> Iterator[tuple[str, _Drift | Unknown]]:
    """The packaged objects that differ, and those of which it can't be known."""
    read, origin = _reader(model, env), model.origin
    for target, name in _targets(model).items():
        module = target.partition(":")[0]
        if module.startswith(SCRIPT_MODULE_PREFIX):
            continue
        try:
            if name not in origin.fingerprints:
                if read(module) is not None:
                    yield target, Unknown(f"the model's signature doesn't say what `{_dotted(target)}` was")
                continue
            found = list(object_drift(target, origin.fingerprints[name], read))
        except Unknown as unknown:
            yield target, unknown
            continue
        if found:
            yield target, found


def _told(target: str, found: _Drift, model: ModelSpec, env: Environment) -> Iterator[Mismatch]:
    words = "; ".join(words for _, words in found)
    modules = list(dict.fromkeys(module for module, _ in found))
    for where in _places(target, model):
        yield Mismatch(
            where=where,
            expected=f"`{_dotted(target)}` as it was logged",
            found=f"{env.source} has another version: {words}",
            fix=None if model.custom_code is CustomCode.PACKAGED else _fix(modules, model, env),
        )


def _other_drift(model: ModelSpec, env: Environment, told: set[str]) -> Iterator[Mismatch | Unknown]:
    """Modules that differ in something that no packaged object is known to use."""
    read = _reader(model, env)
    for module, digest in sorted(model.origin.module_digests.items()):
        if module in told or module.startswith(SCRIPT_MODULE_PREFIX):
            continue
        try:
            host = read(module)
        except Unknown as unknown:
            yield unknown
            continue
        if host is not None and host.digest != digest:
            yield Mismatch(
                where=f"module `{module}`",
                expected="the module as it was logged",
                found=f"{env.source} has another version, which differs in what no custom object of the model uses",
                fix=_fix([module], model, env),
            )


def _missing(
    module: str, targets: list[str], model: ModelSpec, env: Environment, read: ReadModule
) -> Iterator[Mismatch]:
    if module.startswith(SCRIPT_MODULE_PREFIX):
        fix = f"{_USE_PACKAGED}, or move the definition to a module file and log the model again"
        for target in targets:
            expected = f"`{_name(target)}` in a module of {env.source}"
            found = f"`{_name(target)}` was defined in a script or notebook, which can't be imported"
            yield from _absent(target, expected, found, model, fix)
        return
    host = read(module)
    fix = f"{_USE_PACKAGED}, or install the project that `{module}` is from"
    if host is None:
        found = f"{env.source} has no module `{module}`"
        yield Mismatch(where=f"module `{module}`", expected="the module that was logged", found=found, fix=fix)
        return
    for target in targets:
        if not is_bound(host, target.partition(":")[2]):
            found = f"`{module}` of {env.source} doesn't define `{_name(target)}`"
            yield from _absent(target, f"`{_dotted(target)}`", found, model, fix)


def _absent(target: str, expected: str, found: str, model: ModelSpec, fix: str) -> Iterator[Mismatch]:
    for where in _places(target, model):
        yield Mismatch(where=where, expected=expected, found=found, fix=fix)


def _fix(modules: list[str], model: ModelSpec, env: Environment) -> str:
    provenance = model.origin.provenance
    before = "what was logged"
    if provenance is not None:
        changed = ", with changes that it doesn't hold" * bool(provenance.modified)
        before = f"commit `{provenance.commit[:_COMMIT_SHOWN]}`, which the model was logged from{changed}"
    names = ", ".join(f"`{name}`" for name in modules)
    return f"{_USE_PACKAGED}, or bring {names} of {env.source} back to {before}"


def _targets(model: ModelSpec) -> dict[str, str]:
    """The packaged objects, each once, with a name that Keras knows it by."""
    return {target: name for name, target in model.origin.packaged_objects.items()}


def _places(target: str, model: ModelSpec) -> list[str]:
    """Where the model has an object; the object itself where it has it nowhere."""
    names = {name for name, other in model.origin.packaged_objects.items() if other == target}
    refs = (ref for ref in model.objects if names & {ref.class_name, ref.registered_name})
    return [ref.where for ref in refs] or [f"`{_dotted(target)}`"]


def _dotted(target: str) -> str:
    return target.replace(":", ".")


def _name(target: str) -> str:
    return target.partition(":")[2]


def _reader(model: ModelSpec, env: Environment) -> ReadModule:
    """Reads the environment's modules, each once for all rules."""
    known: dict[str, Module | None]
    # The environment is kept, so that no other can have its id.
    _, known = model.derived.setdefault(("own modules", id(env)), (env, {}))

    def read(name: str) -> Module | None:
        if name not in known:
            source = env.read_source(name)
            known[name] = _parsed(name, source, env) if source is not None else None
        return known[name]

    return read


def _parsed(name: str, source: bytes, env: Environment) -> Module:
    try:
        return Module(source)
    except SyntaxError as error:
        raise Unknown(f"`{name}` of {env.source} can't be parsed here: {error}") from error
