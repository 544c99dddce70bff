"""A class's constructor and ``from_config`` through all its bases: from a tree to a ``ClassApi``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from mlflow_kerasguard.keras_api import ClassApi
from mlflow_kerasguard.keras_api.facts import ClassFacts, Constructor, Forward, FromConfig
from mlflow_kerasguard.keras_api.tree import Definition, NameTree

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Accepted:
    """What can be given to the constructor from one place in the order of bases on."""

    positional: tuple[str, ...] = ()
    parameters: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()
    accepts_any: bool = False
    unknown: str | None = None

    def bound_by(self, forward: Forward) -> frozenset[str]:
        """The parameters that a call gives explicitly."""
        return forward.keywords | frozenset(self.positional[: forward.positional])


class ClassReader:
    """Reads classes of one tree."""

    def __init__(self, tree: NameTree) -> None:
        self._tree = tree

    def read(self, definition: Definition) -> ClassApi:
        """All that a config can hand to the class."""
        order = self._tree.mro(definition)
        accepted = self._accepted(order, 0)
        dropped: frozenset[str] = frozenset()
        supplied: frozenset[str] = frozenset()
        accepts_any, required = accepted.accepts_any, accepted.required
        for step in self._from_config_steps(order):
            dropped |= step.dropped
            supplied |= step.supplied
            if step.reads_only_what_it_knows:
                accepts_any, required = True, frozenset()
            if step.constructs is not None:
                supplied |= accepted.bound_by(step.constructs)
        return ClassApi(
            path=definition.path,
            bases=tuple(base.path if isinstance(base, Definition) else base for base in order[1:]),
            parameters=accepted.parameters - (supplied - dropped - self._named(order)),
            required=required,
            dropped=dropped,
            supplied=supplied,
            accepts_any=accepts_any,
            rebuildable=_is_rebuildable(order),
            build=self._build(order),
            call=_nearest(facts.call for facts in _all_facts(order)),
            hands_input_back=bool(_nearest(facts.hands_input_back for facts in _all_facts(order))),
            keeps_assets=any(facts.saves_assets for item in order if (facts := _facts(item))),
            unknown=accepted.unknown,
        )

    def _build(self, order: list[Definition | str]) -> tuple[str, ...] | None:
        """What the nearest ``build`` needs."""
        builds = (facts.build for item in order if (facts := _facts(item)))
        return next((build for build in builds if build is not None), None)

    def _named(self, order: list[Definition | str]) -> frozenset[str]:
        """Keys that a ``from_config`` sets again: they may stand in the config as well."""
        named: frozenset[str] = frozenset()
        for step in self._from_config_steps(order):
            named |= step.supplied
        return named

    def _from_config_steps(self, order: list[Definition | str]) -> Iterator[FromConfig]:
        """The ``from_config`` methods that run, the leaf's first."""
        for item in order:
            facts = _facts(item)
            step = facts.from_config if facts else None
            if step is not None:
                yield step
                if not step.calls_super:
                    return

    def _accepted(self, order: list[Definition | str], start: int) -> _Accepted:
        for index in range(start, len(order)):
            facts = _facts(order[index])
            constructor = facts.constructor if facts else None
            if constructor is not None:
                return self._through(constructor, order, index)
        foreign = [item for item in order[start:] if isinstance(item, str)]
        return _Accepted(unknown=f"its base `{foreign[0]}` isn't part of Keras" if foreign else None)

    def _through(self, constructor: Constructor, order: list[Definition | str], index: int) -> _Accepted:
        accepted = _Accepted(
            positional=constructor.positional,
            parameters=constructor.parameters | constructor.popped | (constructor.allowed or frozenset()),
            required=constructor.required,
        )
        if not constructor.takes_kwargs:
            return accepted
        for forward in constructor.forwards:
            accepted = self._forwarded(accepted, forward, order, index)
        if not constructor.forwards and not constructor.rejects_rest:
            swallows = constructor.unknown is None
            return replace(accepted, accepts_any=swallows, unknown=constructor.unknown)
        if constructor.rejects_rest and constructor.allowed is not None:
            # Checked against a list before it is handed on: what the base takes doesn't matter.
            return replace(accepted, accepts_any=False, unknown=None)
        return accepted

    def _forwarded(self, accepted: _Accepted, forward: Forward, order: list[Definition | str], index: int) -> _Accepted:
        base = self._accepted(order, self._base_index(forward, order, index))
        bound = base.bound_by(forward)
        handed_on = base.positional[forward.positional :] if forward.passes_args else ()
        return replace(
            accepted,
            positional=accepted.positional + handed_on,
            parameters=accepted.parameters | (base.parameters - bound),
            required=accepted.required | (base.required - bound),
            accepts_any=accepted.accepts_any or base.accepts_any,
            unknown=accepted.unknown or base.unknown,
        )

    def _base_index(self, forward: Forward, order: list[Definition | str], index: int) -> int:
        """Where in the order a call to ``super()`` or to a named base goes on."""
        owner = order[index]
        if forward.base is not None and isinstance(owner, Definition):
            target = self._tree.resolve(owner.module.name, forward.base)
            for position, item in enumerate(order):
                if isinstance(item, Definition) and target is not None and item.path == target.path:
                    return position
        return index + 1


def _is_rebuildable(order: list[Definition | str]) -> bool:
    """Whether any class has a ``from_config``; of a foreign one it isn't known, and most likely."""
    return any(isinstance(item, str) or (item.class_facts and item.class_facts.from_config) for item in order)


def _facts(item: Definition | str) -> ClassFacts | None:
    return item.class_facts if isinstance(item, Definition) else None


def _all_facts(order: list[Definition | str]) -> Iterator[ClassFacts]:
    return (facts for item in order if (facts := _facts(item)))


def _nearest(values: Iterator[_T | None]) -> _T | None:
    """What the nearest class says that says anything."""
    return next((value for value in values if value is not None), None)
