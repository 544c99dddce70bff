"""``python -m tests``: all tests with the Python that runs this, the quick ones first, then the coverage.

The quick suite needs some minutes. The live suite starts real servers and other releases of Keras; its two halves
run side by side, and the second one's output follows the first one's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent

_PYTEST = ("coverage", "run", "-m", "pytest")
#: Half of the live tests by the time that they take, those in other environments first.
_ASIDE = tuple(f"tests/live/test_{name}.py" for name in ("environments", "serving_layers", "serving_http"))

#: One step after the other; the commands of a step at the same time.
STEPS = (
    (("coverage", "erase"),),
    ((*_PYTEST, "-m", "not live"),),
    ((*_PYTEST, "-m", "live", *(f"--ignore={path}" for path in _ASIDE)), (*_PYTEST, "-m", "live", *_ASIDE)),
    (("coverage", "combine", "--quiet"),),
    (("coverage", "report"),),
)


def main() -> int:
    # Programs installed beside this Python (`mlflow`, `kerasguard`) are found though no environment is activated.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    environment = {**os.environ, "PATH": path}
    for first, *others in STEPS:
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
            aside = [
                subprocess.Popen(_command(other), cwd=ROOT, env=environment, stdout=output, stderr=output)
                for other in others
            ]
            print(f"\n=== {' '.join(first)}", flush=True)
            statuses = [subprocess.run(_command(first), cwd=ROOT, env=environment).returncode]
            for other, process in zip(others, aside, strict=True):
                statuses.append(process.wait())
                output.seek(0)
                print(f"\n=== {' '.join(other)}\n{output.read()}", flush=True)
        if any(statuses):
            return next(filter(None, statuses))
    return 0


def _command(arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", *arguments]


if __name__ == "__main__":
    sys.exit(main())
