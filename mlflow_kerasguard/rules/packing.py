"""KG45x: what keeps a conda environment from being packed, or from working where it is unpacked.

These rules judge an environment that is about to be packed; they are silent for any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from packaging.version import InvalidVersion, Version

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import Level, Mismatch
from mlflow_kerasguard.model import ModelSpec
from mlflow_kerasguard.rules.registry import rule

_SHOWN = 3
_INTERPRETER = re.compile(r"bin/python[\d.]*")


@rule(
    "KG450",
    Level.ERROR,
    title="environment holds an editable installation",
    why="An editable installation is a path to sources elsewhere. They don't travel with the environment, so "
    "conda-pack refuses it, and where it is unpacked there would be nothing at that path.",
)
def editable_installation(_model: ModelSpec, env: Environment) -> Iterator[Mismatch]:
    if env.packable is None:
        return
    python = f"{env.packable.prefix}/bin/python"
    for name, where in env.packable.editable.items():
        yield Mismatch(
            where=f"`{name}`",
            expected="installed files",
            found=f"`{name}` leads to the sources in `{where}`",
            fix=f"{python} -m pip install --force-reinstall --no-deps {where or name}",
        )


@rule(
    "KG451",
    Level.ERROR,
    title="files of a conda package are gone",
    why="pip removes the files of a conda package when it installs another version over it. conda still records them: "
    "what conda-pack would pack is a mix of both, and it refuses.",
)
def overwritten_package(_model: ModelSpec, env: Environment) -> Iterator[Mismatch]:
    if env.packable is None:
        return
    for package, files in env.packable.missing.items():
        name = package.partition(" ")[0]
        yield Mismatch(
            where=f"conda package `{package}`",
            expected="the files that conda installed",
            found=f"{_listed(files)} {'is' if len(files) == 1 else 'are'} gone or replaced",
            fix=f"conda install --prefix {env.packable.prefix} --force-reinstall {name}",
        )


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} others"


@rule(
    "KG452",
    Level.WARNING,
    title="conda's package cache lacks what the environment is made of",
    why="conda-pack takes prefixes in files from the packages in conda's cache. Without these it looks for them in "
    "text files alone, and paths in binary files stay those of this machine.",
)
def package_cache_is_gone(_model: ModelSpec, env: Environment) -> Iterator[Mismatch]:
    if env.packable is None or not env.packable.uncached:
        return
    yield Mismatch(
        where=f"`{env.packable.prefix}`",
        expected="its packages in conda's cache",
        found=f"{_listed(env.packable.uncached)} not there any more",
        fix="make the environment anew, and pack it before `conda clean`",
    )


@rule(
    "KG453",
    Level.ERROR,
    title="environment's Python is elsewhere",
    why="A directory with conda's records whose `bin/python` is a link to another place has no Python of its own: "
    "where it is unpacked, the link leads nowhere, or to another Python.",
)
def foreign_python(_model: ModelSpec, env: Environment) -> Iterator[Mismatch]:
    for link, target in env.packable.outside_links.items() if env.packable else ():
        if _INTERPRETER.fullmatch(link):
            yield Mismatch(
                where=f"`{link}`",
                expected="an interpreter inside of the environment",
                found=f"a link to `{target}`",
                fix=f"conda install --prefix {env.packable.prefix if env.packable else ''} python",
            )


@rule(
    "KG454",
    Level.WARNING,
    title="link leads out of the environment",
    why="A link with an absolute target, or one that climbs out, points at something on this machine. Where the "
    "environment is unpacked it isn't made, because it could lead to anything there.",
)
def outside_link(_model: ModelSpec, env: Environment) -> Iterator[Mismatch]:
    for link, target in env.packable.outside_links.items() if env.packable else ():
        if not _INTERPRETER.fullmatch(link):
            yield Mismatch(
                where=f"`{link}`",
                expected="a relative link inside of the environment",
                found=f"a link to `{target}`",
                fix="put a file or a relative link in its place, where something needs it",
            )


@rule(
    "KG455",
    Level.ERROR,
    title="environment changed since the model was logged",
    why="What is packed is what the model will be served with. Its rehearsal and its golden predictions were made with "
    "other releases, so they say nothing about this environment.",
)
def changed_environment(model: ModelSpec, env: Environment) -> Iterator[Mismatch]:
    if env.packable is None or env.packable.may_differ or model.origin is None:
        return
    python = f"{env.packable.prefix}/bin/python"
    if env.python and model.origin.python and _minor(env.python) != _minor(model.origin.python):
        yield Mismatch(
            where="Python",
            expected=f"Python {_minor(model.origin.python)}, as when the model was logged",
            found=f"Python {env.python}",
            fix=f"conda create --name served python={_minor(model.origin.python)}, and install what the model requires",
        )
    for name, version in sorted(model.origin.distributions.items()):
        here = env.distributions[name].version if name in env.distributions else None
        if here is None or _public(here) != _public(version):
            yield Mismatch(
                where=f"`{name}`",
                expected=f"`{name}` {version}, as when the model was logged",
                found=f"`{name}` {here}" if here else f"no `{name}`",
                fix=f"{python} -m pip install '{name}=={_public(version)}', or take it as it is with `--allow-changed`",
            )


def _minor(python: str) -> str:
    return ".".join(python.split(".")[:2])


def _public(version: str) -> str:
    """Without a local label, which says who built it."""
    try:
        return Version(version).public
    except InvalidVersion:
        return version
