"""Which Keras comes with which TensorFlow, by the ``Requires-Dist`` of TensorFlow's own wheels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from packaging.specifiers import SpecifierSet
from packaging.version import Version

#: The distributions that bring the module ``tensorflow``.
DISTRIBUTIONS = (
    "tensorflow",
    "tensorflow-cpu",
    "tensorflow-gpu",
    "tensorflow-macos",
    "tensorflow-intel",
    "tensorflow-rocm",
    "tensorflow-cpu-aws",
    "tensorflow-aarch64",
)

#: Minor release to what its last patch release asks of ``keras``. 2.6.0 to 2.6.2 said `~=2.6`, which
#: later releases of Keras satisfied by accident. 2.4 and 2.5 contain their Keras.
_KERAS: Mapping[str, str] = {
    "2.4": "==2.4.0",
    "2.5": "==2.5.0",
    "2.6": ">=2.6.0,<2.7",
    "2.7": ">=2.7.0rc0,<2.8",
    "2.8": ">=2.8.0rc0,<2.9",
    "2.9": ">=2.9.0rc0,<2.10.0",
    "2.10": ">=2.10.0,<2.11",
    "2.11": ">=2.11.0,<2.12",
    "2.12": ">=2.12.0,<2.13",
    "2.13": ">=2.13.1,<2.14",
    "2.14": ">=2.14.0,<2.15",
    "2.15": ">=2.15.0,<2.16",
    "2.16": ">=3.0.0",
    "2.17": ">=3.2.0",
    "2.18": ">=3.5.0",
    "2.19": ">=3.5.0",
    "2.20": ">=3.10.0",
    "2.21": ">=3.12.0",
}
_WITH_KERAS_INSIDE = frozenset({"2.4", "2.5"})

#: No minor release had more patch releases.
_PATCHES = range(6)


def keras_of(specifier: SpecifierSet) -> SpecifierSet | None:
    """What every TensorFlow of a specifier asks of Keras, or has inside.

    None where they differ, or where none of them is known here.
    """
    asked = {_KERAS[minor] for minor in _minors(specifier)}
    return SpecifierSet(asked.pop()) if len(asked) == 1 else None


def _minors(specifier: SpecifierSet) -> Iterator[str]:
    for minor in _KERAS:
        if any(specifier.contains(Version(f"{minor}.{patch}")) for patch in _PATCHES):
            yield minor


def requires(version: str) -> tuple[str, ...]:
    """What a TensorFlow release asks of Keras, as a ``Requires-Dist`` line."""
    release = Version(version)
    minor = f"{release.major}.{release.minor}"
    asked = None if minor in _WITH_KERAS_INSIDE else _KERAS.get(minor)
    return (f"keras{asked}",) if asked else ()
