"""Which releases of Keras load a model: the same check, against every release of the history."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import groupby

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from mlflow_kerasguard import tensorflow_api
from mlflow_kerasguard.engine import check_model
from mlflow_kerasguard.environment import Distribution, Environment
from mlflow_kerasguard.findings import Finding, Report, Verdict
from mlflow_kerasguard.keras_api import history
from mlflow_kerasguard.model import ModelSpec
from mlflow_kerasguard.rules.view import KERAS_3, keras_package

#: The packages that bring a Keras; a model is judged against the first unless it is the second's.
PACKAGES = ("keras", "tf_keras")

_ENVIRONMENT = "KG4"
_TENSORFLOW_FOR_KERAS_3 = Version("2.16")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRange:
    """Successive releases with the same answer for the same reason.

    Attributes:
        package: ``keras`` or ``tf_keras``.
        versions: the releases, oldest first.
        verdict: the answer for each of them.
        reason: the first finding, of the first of them; None where there is none.
        unknown: what would have to be known, where the verdict is undecided.
        tensorflow: the TensorFlow releases that go with them by their metadata, oldest first.
        pythons: the Pythons that both run on, such as ``3.11``, oldest first.
    """

    package: str
    versions: tuple[str, ...]
    verdict: Verdict
    reason: Finding | None = None
    unknown: str | None = None
    tensorflow: tuple[str, ...] = ()
    pythons: tuple[str, ...] = ()


def judge_releases(model: ModelSpec, *, compile: bool = True) -> tuple[ReleaseRange, ...]:
    """Hold a model against every known release.

    Args:
        model: what the file asks for.
        compile: judge ``load_model(path)``; False judges ``load_model(path, compile=False)``.
    """
    ranges: list[ReleaseRange] = []
    for package in PACKAGES:
        answers = [(version, report) for version, report in _reports(model, package, compile=compile)]
        for _, group in groupby(answers, key=lambda answer: _reason(answer[1])):
            members = list(group)
            ranges.append(_range(package, tuple(version for version, _ in members), members[0][1]))
    return tuple(ranges)


def find_nearest(model: ModelSpec, environment: Environment, *, compile: bool = True) -> str | None:
    """The command that installs the nearest release of Keras that loads a model, with this Python.

    Near is what keeps most of the environment: another release of the same major version, the one next
    to the present one first; then ``tf_keras`` or the other major version.

    Returns:
        None where no known release does.
    """
    package = keras_package(model, environment)
    present = environment.distributions.get(package.replace("_", "-"))
    for candidate, version in _by_distance(package, present.version if present else model.keras_version):
        swapped = _with_keras(environment, candidate, version)
        if keras_package(model, swapped) != candidate:
            continue
        if check_model(model, swapped, compile=compile).verdict is Verdict.COMPATIBLE:
            return f"pip install '{candidate.replace('_', '-')}=={version}'"
    return None


def _by_distance(package: str, version: str | None) -> Iterator[tuple[str, str]]:
    """All releases, those nearest to one first; of two that are as near the newer one."""
    known = [(name, item) for name in PACKAGES for item in history.releases(name)]
    order = {pair: number for number, pair in enumerate(known)}
    start = Version(version) if version and _is_version(version) else Version("99")

    def distance(pair: tuple[str, str]) -> tuple[bool, bool, int, int]:
        other = Version(pair[1])
        older = [item for name, item in known if name == pair[0] and Version(item) < start]
        place = order[pair] - order[pair[0], history.releases(pair[0])[0]]
        away = place - len(older) if other < start else place - len(older) + 1
        return pair[0] != package, other.major != start.major, abs(away), -place

    yield from sorted(known, key=distance)


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except ValueError:
        return False
    return True


def _reports(model: ModelSpec, package: str, *, compile: bool) -> Iterator[tuple[str, Report]]:
    for version in history.releases(package):
        environment = _with_keras(Environment(source="the history of releases"), package, version)
        if keras_package(model, environment) == package:
            yield version, check_model(model, environment, compile=compile)


def _with_keras(environment: Environment, package: str, version: str) -> Environment:
    """An environment with another release of Keras; TensorFlow goes along as its metadata demands."""
    release = history.find_release(package, version)
    name = package.replace("_", "-")
    kept = {key: item for key, item in environment.distributions.items() if not _is_replaced(key)}
    found = Distribution(name=name, version=version, requires=release.requires, requires_python=release.requires_python)
    return replace(
        environment,
        distributions={**kept, name: found},
        unsettled={key: reason for key, reason in environment.unsettled.items() if not _is_replaced(key)},
        complete=False,
        legacy_keras=package == "tf_keras",
        read_keras_api=lambda _: release.api,
    )


def _is_replaced(name: str) -> bool:
    return name in {"keras", "tf-keras"} or name.startswith("tensorflow")


def _reason(report: Report) -> tuple[object, ...]:
    first = _first(report)
    return report.verdict, first and (first.code, first.expected, first.where)


def _first(report: Report) -> Finding | None:
    fatal = [finding for finding in report.errors if finding.rule.prevents_loading]
    # A format or a Python that doesn't fit comes before all else: the loader gets no further.
    return min(fatal, key=lambda finding: finding.rule.family != _ENVIRONMENT, default=None)


def _range(package: str, versions: tuple[str, ...], report: Report) -> ReleaseRange:
    tensorflow, pythons = _companions(package, versions)
    return ReleaseRange(
        package=package,
        versions=versions,
        verdict=report.verdict,
        reason=_first(report),
        unknown=report.undecided[0].reason if report.verdict is Verdict.UNDECIDED else None,
        tensorflow=tensorflow,
        pythons=pythons,
    )


def _companions(package: str, versions: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The TensorFlow releases and Pythons that go with any of these releases of Keras."""
    pairs = [_companions_of_one(package, version) for version in versions]
    tensorflow = {item for found, _ in pairs for item in found}
    pythons = {item for _, found in pairs for item in found}
    return tuple(sorted(tensorflow, key=Version)), tuple(sorted(pythons, key=Version))


@lru_cache(maxsize=256)
def _companions_of_one(package: str, version: str) -> tuple[frozenset[str], frozenset[str]]:
    wanted = SpecifierSet(history.find_release(package, version).requires_python or "")
    tensorflow = [release for release in _tensorflow_releases() if _fits(package, Version(version), release)]
    pythons = {python for release in tensorflow for python in release.pythons if wanted.contains(f"{python}.99")}
    return frozenset(release.version for release in tensorflow), frozenset(pythons)


def _fits(package: str, keras: Version, tensorflow: tensorflow_api.TensorFlowRelease) -> bool:
    """Whether a release of Keras goes with a release of TensorFlow.

    `tf_keras` and Keras 2 have the minor version of their TensorFlow; Keras 3 goes with any that asks for it.
    """
    release = Version(tensorflow.version)
    if package == "tf_keras" or keras < KERAS_3:
        return release.release[:2] == keras.release[:2]
    demands = _demands(tensorflow.requires)
    return release >= _TENSORFLOW_FOR_KERAS_3 and all(specifier.contains(keras) for specifier in demands)


@cache
def _demands(requires: tuple[str, ...]) -> tuple[SpecifierSet, ...]:
    """What TensorFlow's metadata asks of `keras`."""
    from packaging.requirements import Requirement

    return tuple(Requirement(line).specifier for line in requires if re.match(r"keras\b(?!-)", line))


@lru_cache(maxsize=1)
def _tensorflow_releases() -> tuple[tensorflow_api.TensorFlowRelease, ...]:
    return tuple(tensorflow_api.find_release(version) for version in tensorflow_api.releases())
