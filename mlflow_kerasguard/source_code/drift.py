"""How the code that an environment has differs from what was logged, in words."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from mlflow_kerasguard.source_code.definitions import Definition, Module
from mlflow_kerasguard.source_code.fingerprints import fingerprint
from mlflow_kerasguard.source_identity import Fingerprint, changes

#: A module's name to its source; None where there is no such module.
ReadModule = Callable[[str], Module | None]


def object_drift(target: str, logged: Fingerprint, read: ReadModule) -> Iterator[tuple[str, str]]:
    """How an object, or a definition that it uses, differs; nothing where nothing does.

    Modules and objects that aren't there at all are not this function's business.

    Args:
        target: ``module:qualname``.
        logged: what it was.
        read: reads the modules of the environment.

    Yields:
        The module that differs, and the words.
    """
    module, _, qualname = target.partition(":")
    name, host = qualname.rpartition(".")[2], read(module)
    if host is None or not is_bound(host, qualname):
        return
    own = fingerprint(host, qualname)
    if own is None:
        yield module, f"`{module}` doesn't define `{name}` any more but has it from {_binding(host, qualname)}"
        return
    yield from ((module, words) for words in changes(name, logged, own))
    yield from _drift_of_used(name, logged, read)


def is_bound(module: Module, qualname: str) -> bool:
    """Whether a module has anything of that name."""
    return module.find(qualname) is not None or qualname in module.bindings


def _drift_of_used(name: str, logged: Fingerprint, read: ReadModule) -> Iterator[tuple[str, str]]:
    for used, digest in logged.uses.items():
        module, _, used_name = used.partition(":")
        host = read(module)
        if host is not None and host.digest_of(used_name) != digest:
            yield module, f"`{name}` uses `{module}.{used_name}`, {_how(host, module, used_name)}"


def _how(host: Module, module: str, name: str) -> str:
    if name not in host.bindings:
        return f"which `{module}` no longer defines"
    if host.import_of(name) is not None:
        return f"which is from {_binding(host, name)} now"
    return f"whose {'body' if isinstance(host.bindings[name][-1], Definition) else 'value'} changed"


def _binding(host: Module, name: str) -> str:
    node = host.import_of(name)
    return f"`{ast.unparse(node)}`" if node is not None else "an assignment"
