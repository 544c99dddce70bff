"""Which pins have to give way where some were replaced.

A pin stays unless it can't go together with what was asked for and the pins that were kept before it. An
installer's resolver decides that; nothing is guessed from names. Keras and its backend come first: once they
are settled, the others are held against these releases, so that a pin of NumPy never chooses a TensorFlow
of ten years ago.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mlflow_kerasguard.rebuild.commands import ToolFailed
from mlflow_kerasguard.rebuild.plans import EnvironmentPlan, Pin

#: Distributions that the others are there for.
_FIRST = ("keras", "tf-keras", "tensorflow", "jax", "jaxlib", "torch", "openvino")

#: How many distributions a message names.
_SHOWN = 3

#: Resolves a plan: gives the version of every distribution by name, or raises ``ToolFailed``.
Resolve = Callable[[EnvironmentPlan], Mapping[str, str]]

_ResolvePins = Callable[[Sequence[Pin]], Mapping[str, str]]


def loosen(plan: EnvironmentPlan, resolve: Resolve) -> EnvironmentPlan:
    """What of a plan goes together.

    Args:
        plan: what was asked for is fixed in it.
        resolve: asks the installer.

    Returns:
        All of it; else without its constraints, which say what was only required by others; and, where something was
        asked for in place of pins, instead of each that can't stay its name alone, or of a part of Keras the release
        that goes with the others.

    Raises:
        ToolFailed: what was asked for can't be installed, whatever the others are.
    """
    if plan.constraints:
        with suppress(ToolFailed):
            resolve(plan)
            return plan
        plan = replace(plan, constraints=())
    if not any(pin.fixed for pin in plan.pins):
        return plan  # For another Python, the pins have to hold as they are.
    return replace(plan, pins=_loosened(plan.pins, lambda pins: resolve(replace(plan, pins=tuple(pins)))))


def _loosened(pins: Sequence[Pin], resolve: _ResolvePins) -> tuple[Pin, ...]:
    if _resolves(pins, resolve):
        return tuple(pins)
    fixed = [pin for pin in pins if pin.fixed]
    # Raises where nothing else is in the way: then the tool's own words are the best that can be said.
    resolve(fixed)
    first = [pin for pin in pins if not pin.fixed and pin.family in _FIRST]
    others = [pin for pin in pins if not pin.fixed and pin.family not in _FIRST]
    first.sort(key=lambda pin: _FIRST.index(pin.family))
    frameworks = _kept(fixed, first, resolve)
    versions = resolve([*fixed, *frameworks])
    frameworks = [_settled(pin, versions) for pin in frameworks]
    return (*fixed, *frameworks, *_kept([*fixed, *frameworks], others, resolve))


def _kept(base: Sequence[Pin], candidates: Sequence[Pin], resolve: _ResolvePins) -> list[Pin]:
    """The candidates, the first first; in place of one that doesn't go together with those before it, its name."""
    if not candidates or _resolves([*base, *candidates], resolve):
        return list(candidates)
    if len(candidates) == 1:
        return [_loose(candidates[0])]
    middle = len(candidates) // 2
    before = _kept(base, candidates[:middle], resolve)
    return [*before, *_kept([*base, *before], candidates[middle:], resolve)]


def _resolves(pins: Sequence[Pin], resolve: _ResolvePins) -> bool:
    try:
        resolve(pins)
    except ToolFailed:
        return False
    return True


def _loose(pin: Pin) -> Pin:
    return replace(pin, text=pin.name, is_file=False)


def _settled(pin: Pin, versions: Mapping[str, str]) -> Pin:
    is_loose = pin.text == pin.name and pin.name in versions
    return replace(pin, text=f"{pin.name}=={versions[pin.name]}") if is_loose else pin


def dropped(asked: EnvironmentPlan, fitting: EnvironmentPlan, versions: Mapping[str, str]) -> tuple[str, ...]:
    """What gave way, and what is there instead, in words.

    Args:
        asked: the whole plan.
        fitting: what of it was installed.
        versions: what is installed, by name.
    """
    now = {pin.name: pin.text for pin in fitting.pins}
    pins = [
        f"{pin.text}: {versions[pin.name]} instead" if pin.name in versions else f"{pin.text}: not installed"
        for pin in asked.pins
        if now.get(pin.name) != pin.text
    ]
    return (*pins, *(_unconstrained(asked.constraints, versions) if not fitting.constraints else ()))


def _unconstrained(constraints: Sequence[str], versions: Mapping[str, str]) -> Iterator[str]:
    """One line for all: nobody asked for what others require, and there may be a hundred."""
    asked = {str(canonicalize_name(each.name)): each.specifier for each in map(Requirement, constraints)}
    others = [name for name in asked.keys() & versions.keys() if not asked[name].contains(versions[name], True)]
    if others:
        shown, more = ", ".join(sorted(others)[:_SHOWN]), len(others) - _SHOWN
        yield f"constraints: other releases of {shown}{f' and {more} more' if more > 0 else ''}"
