"""``python -m tests``: all tests with the Python that runs this, the quick ones first, then the coverage.

The quick suite needs a minute; the live suite starts real servers and other releases of Keras.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

COMMANDS = (
    ["coverage", "erase"],
    ["coverage", "run", "-m", "pytest", "-m", "not live"],
    ["coverage", "run", "-m", "pytest", "-m", "live"],
    ["coverage", "combine", "--quiet"],
    ["coverage", "report"],
)


def main() -> int:
    # Programs installed beside this Python (`mlflow`, `kerasguard`) are found though no environment is activated.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    for command in COMMANDS:
        print(f"\n=== {' '.join(command)}", flush=True)
        done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, env={**os.environ, "PATH": path})
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
