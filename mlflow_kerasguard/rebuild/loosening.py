"""Which pins have to give way where some were replaced.

A pin stays unless it can't go together with what was asked for and the pins that were kept before it. An
installer's resolver decides that; nothing is guessed from names. Keras and its backend come first: once they
are settled, the others are held against these releases, so that a pin of NumPy never chooses a TensorFlow
of ten years ago.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from mlflow_kerasguard.rebuild.commands import ToolFailed
from mlflow_kerasguard.rebuild.plans import Pin

#: Distributions that the others are there for.
_FIRST = ("keras", "tf-keras", "tensorflow", "jax", "jaxlib", "torch", "openvino")

#: Resolves pins: gives the version of every distribution by name, or raises ``ToolFailed``.
Resolve = Callable[[Sequence[Pin]], Mapping[str, str]]


def loosen(pins: Sequence[Pin], resolve: Resolve) -> tuple[Pin, ...]:
    """Pins that go together.

    Args:
        pins: those that were asked for are fixed.
        resolve: asks the installer.

    Returns:
        All of them, in place of each that can't stay its name alone, or of a part of Keras the release
        that goes with the others.

    Raises:
        ToolFailed: what was asked for can't be installed, whatever the others are.
    """
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


def _kept(base: Sequence[Pin], candidates: Sequence[Pin], resolve: Resolve) -> list[Pin]:
    """The candidates, the first first; in place of one that doesn't go together with those before it, its name."""
    if not candidates or _resolves([*base, *candidates], resolve):
        return list(candidates)
    if len(candidates) == 1:
        return [_loose(candidates[0])]
    middle = len(candidates) // 2
    before = _kept(base, candidates[:middle], resolve)
    return [*before, *_kept([*base, *before], candidates[middle:], resolve)]


def _resolves(pins: Sequence[Pin], resolve: Resolve) -> bool:
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


def dropped(asked: Sequence[Pin], installed: Sequence[Pin], versions: Mapping[str, str]) -> tuple[str, ...]:
    """Pins that gave way, and what is there instead, in words.

    Args:
        asked: the plan's.
        installed: what became of them.
        versions: what is installed, by name.
    """
    now = {pin.name: pin.text for pin in installed}
    return tuple(
        f"{pin.text}: {versions[pin.name]} instead" if pin.name in versions else f"{pin.text}: not installed"
        for pin in asked
        if now.get(pin.name) != pin.text
    )
