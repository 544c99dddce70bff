"""What a packed environment is, as a small JSON document beside it."""

from __future__ import annotations

import json
import platform
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.errors import PackError
from mlflow_kerasguard.integrity import sha256_of
from mlflow_kerasguard.packing.conda_environment import META
from mlflow_kerasguard.version import __version__

#: Additions that older readers may ignore need nothing; for anything else raise it and keep reading the old ones.
SCHEMA_VERSION = 1

_GLIBC = re.compile(r"(\d+)\.(\d+)")
_MANYLINUX = re.compile(r"manylinux_(\d+)_(\d+)_|(manylinux1|manylinux2010|manylinux2014)_|(linux)_")
_LEGACY_TAGS: Mapping[str, tuple[int, int]] = {
    "manylinux1": (2, 5),
    "manylinux2010": (2, 12),
    "manylinux2014": (2, 17),
}


#: What the document's values are; the others are strings.
_KINDS: Mapping[str, type] = {"size": int, "packages": dict, "distributions": dict}


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A packed environment.

    Attributes:
        name: of the archive's file, when it was written.
        format: ``tar.gz`` or ``tar.zst``.
        size: of the archive in bytes.
        sha256: of the archive.
        python: version of the environment's Python.
        platform: ``sys.platform`` where it was packed.
        machine: the processor's architecture there.
        glibc: version of the C library there; empty where it is another library.
        needs_glibc: the oldest version that what is in it says it runs with; empty where nothing says so.
        created_with: name and version of the writer.
        packages: name to version of what conda installed.
        distributions: normalized name to version of all Python distributions.
    """

    name: str
    format: str
    size: int
    sha256: str
    python: str
    platform: str
    machine: str
    glibc: str
    needs_glibc: str
    created_with: str = f"mlflow-kerasguard {__version__}"
    packages: Mapping[str, str] = field(default_factory=dict)
    distributions: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps({"schema_version": SCHEMA_VERSION, **asdict(self)}, indent=1) + "\n"

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read the document at a path.

        Raises:
            PackError: it isn't there, or isn't a manifest that this version reads.
        """
        try:
            document = json.loads(path.read_bytes())
            version = document["schema_version"]
            values = {item.name: document[item.name] for item in fields(cls)}
        except FileNotFoundError as error:
            raise PackError(
                f"there is no manifest `{path}`; it was written beside the pack, and says what its content has to be: "
                "bring it here as well"
            ) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PackError(f"the manifest `{path}` can't be read ({error}); bring it here again") from error
        if version != SCHEMA_VERSION:
            raise PackError(
                f"`{path}` is of layout {version}, and mlflow-kerasguard {__version__} reads {SCHEMA_VERSION}; install "
                f"the version that wrote it: {values['created_with']}"
            )
        wrong = [name for name, value in values.items() if not isinstance(value, _KINDS.get(name, str))]
        if wrong:
            raise PackError(f"`{wrong[0]}` in the manifest `{path}` is of another kind; bring it here again")
        return cls(**values)


def manifest_of(pack: Path) -> Path:
    """Where the manifest of a pack is."""
    return pack.with_name(f"{pack.name}.json")


def glibc_here() -> str:
    """The version of this machine's C library; empty where it isn't glibc."""
    library, version = platform.libc_ver()
    return version if library == "glibc" else ""


def facts_of(prefix: Path, environment: Environment) -> dict[str, object]:
    """What the manifest says of the environment itself, which can be found while it is packed.

    Args:
        prefix: its directory.
        environment: what is installed there.
    """
    here = glibc_here()
    return {
        "python": environment.python or "",
        "platform": environment.platform or sys.platform,
        "machine": platform.machine(),
        "glibc": here,
        "needs_glibc": needed_glibc(prefix, here),
        "packages": dict(environment.packable.packages) if environment.packable else {},
        "distributions": {name: environment.distributions[name].version for name in sorted(environment.distributions)},
    }


def describe(archive: Path, form: str, facts: Mapping[str, object]) -> Manifest:
    """The manifest of a finished archive."""
    return Manifest(
        name=archive.name,
        format=form,
        size=archive.stat().st_size,
        sha256=sha256_of(archive),
        **facts,  # type: ignore[arg-type]  # as `facts_of` gives them
    )


def needed_glibc(prefix: Path, here: str) -> str:
    """The oldest glibc that everything in an environment runs with, as its wheels and conda packages say.

    The version where it is packed says little: what conda and manylinux wheels bring was built on older
    systems. Only what was built on the spot needs it.
    """
    versions = [*_of_wheels(prefix, parse_version(here)), *_of_packages(prefix)]
    return ".".join(map(str, max(versions))) if versions else ""


def parse_version(text: str) -> tuple[int, int]:
    """Major and minor as numbers; zeros where there are none."""
    found = _GLIBC.match(text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _of_wheels(prefix: Path, here: tuple[int, int]) -> Iterator[tuple[int, int]]:
    for path in prefix.glob("lib/python3*/site-packages/*.dist-info/WHEEL"):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        tags = [line.rpartition("-")[2] for line in lines if line.startswith("Tag:")]
        # Each tag is a system that it runs on: the oldest counts.
        needs = [need for tag in tags for part in tag.split(".") if (need := _of_tag(part, here)) is not None]
        if needs:
            yield min(needs)


def _of_tag(tag: str, here: tuple[int, int]) -> tuple[int, int] | None:
    found = _MANYLINUX.match(tag)
    if found is None:
        return None
    if found[4]:
        return here  # Built on the spot.
    return _LEGACY_TAGS[found[3]] if found[3] else (int(found[1]), int(found[2]))


def _of_packages(prefix: Path) -> Iterator[tuple[int, int]]:
    for path in (prefix / META).glob("*.json"):
        for wanted in json.loads(path.read_bytes()).get("depends", ()):
            name, _, version = str(wanted).partition(" ")
            if name == "__glibc" and version.startswith(">="):
                yield parse_version(version[2:])
