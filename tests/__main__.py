"""``python -m tests``: all tests with the Python that runs this, the quick ones first, then the coverage.

The quick suite needs some minutes. The live suite starts real servers and other releases of Keras.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

_PYTEST = ("coverage", "run", "-m", "pytest", "--numprocesses=2", "--durations=30")

#: One step after the other. Tests run in two processes: they compute on one core, or wait for other processes. Live
#: tests of one file share what takes long to make; the longest of the files is among the first.
STEPS = (
    ("coverage", "erase"),
    (*_PYTEST, "--dist=worksteal", "-m", "not live"),
    (*_PYTEST, "--dist=loadfile", "--no-loadscope-reorder", "-m", "live"),
    ("coverage", "combine", "--quiet"),
    ("coverage", "report"),
)


def main() -> int:
    # Programs installed beside this Python (`mlflow`, `kerasguard`) are found though no environment is activated.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    environment = {**os.environ, "PATH": path}
    for step in STEPS:
        print(f"\n=== {' '.join(step)}", flush=True)
        status = subprocess.run([sys.executable, "-m", *step], cwd=ROOT, env=environment).returncode
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
