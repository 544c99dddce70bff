"""The file ``MLmodel`` that MLflow writes, read with care: it may come from anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_LIMIT = 64 << 20


class UnreadableMlmodel(Exception):
    """It can't be used; the text says why."""


def read_flavors(path: Path) -> Mapping[str, Mapping[str, str]]:
    """The sections of the flavors, by their names, with what is text in them.

    Args:
        path: of the file.

    Raises:
        UnreadableMlmodel: it isn't there, too large, or not YAML with flavors.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        if path.stat().st_size > _LIMIT:
            raise UnreadableMlmodel(f"{path.stat().st_size:,} bytes")
        document = yaml.load(path.read_bytes(), loader)  # noqa: S506 - both are safe loaders
    except (OSError, yaml.YAMLError, ValueError, RecursionError) as error:
        raise UnreadableMlmodel(" ".join(f"{type(error).__name__}: {error}".split())) from error
    flavors = document.get("flavors") if isinstance(document, dict) else None
    if not isinstance(flavors, dict):
        raise UnreadableMlmodel("it has no `flavors`")
    # A few lines of YAML can stand for more than any memory holds: what isn't text is asked for by nobody.
    found = {str(name): flavor for name, flavor in flavors.items() if isinstance(flavor, dict)}
    return {name: {k: v for k, v in flavor.items() if isinstance(v, str)} for name, flavor in found.items()}
