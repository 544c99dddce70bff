"""Run by another Python, never imported here: says where that Python looks for modules.

It has to run on any Python from 3.7 on, imports small modules of the standard library only, and runs without
`site`, so that no `.pth` file and no `sitecustomize` gets to run code. What `site` would have added is
worked out here instead.
"""

from __future__ import annotations

import json
import os
import site
import sys
from collections.abc import Iterator
from pathlib import Path


def _prefixes() -> list[str]:
    """The virtual environment's directory, and the base's where it shares the base's packages."""
    folder = Path(sys.argv[1]).parent
    for directory in (folder, folder.parent):
        settings = directory / "pyvenv.cfg"
        if settings.is_file():
            lines = [line.partition("=") for line in settings.read_text(encoding="utf-8").splitlines()]
            values = {key.strip().lower(): value.strip().lower() for key, _, value in lines}
            shared = values.get("include-system-site-packages") == "true"
            return [str(directory), sys.base_prefix] if shared else [str(directory)]
    return [sys.prefix]


def _sites() -> list[str]:
    prefixes = _prefixes()
    sites = list(site.getsitepackages(prefixes))
    if sys.base_prefix in prefixes and not os.environ.get("PYTHONNOUSERSITE"):
        sites.insert(0, site.getusersitepackages())
    return [directory for directory in sites if Path(directory).is_dir()]


def _linked(directory: str) -> Iterator[str]:
    """Directories that `.pth` files name, as editable installations do."""
    for file in sorted(Path(directory).glob("*.pth")):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            path = Path(directory, line.strip())
            if line.strip() and not line.startswith(("#", "import ", "import\t")) and path.is_dir():
                yield str(path)


def _main() -> None:
    path = list(sys.path)
    for directory in _sites():
        path += [directory, *_linked(directory)]
    facts = {
        "python": ".".join(str(part) for part in sys.version_info[:3]),
        "platform": sys.platform,
        "path": path,
        "builtin": list(sys.builtin_module_names),
    }
    sys.stdout.write("kerasguard-probe: " + json.dumps(facts) + "\n")


_main()
