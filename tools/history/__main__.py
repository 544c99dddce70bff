"""``python -m tools.history keras`` or ``python -m tools.history tensorflow``."""

from __future__ import annotations

import sys
from importlib import import_module

SUBJECTS = ("keras", "tensorflow")


def main() -> None:
    subject = sys.argv[1] if len(sys.argv) > 1 else ""
    if subject not in SUBJECTS:
        sys.exit(f"usage: python -m tools.history {{{','.join(SUBJECTS)}}} [--help]")
    import_module(f"tools.history.{subject}").main(sys.argv[2:])


main()
