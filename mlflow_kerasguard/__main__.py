"""``python -m mlflow_kerasguard`` is ``kerasguard``."""

from __future__ import annotations

import sys

from mlflow_kerasguard.cli import main

if __name__ == "__main__":
    sys.exit(main())
