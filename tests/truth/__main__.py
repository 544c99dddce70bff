"""Hold verdicts against a record of real loads: ``python -m tests.truth``.

Each loader is judged by what the shipped history knows of its release; nothing of a model is loaded.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.truth.measure import Figures, as_json, figures_of, judged_loads, oracle_figures
from tests.truth.record import CARRIED, Record
from tests.truth.tables import as_markdown, as_text, details, with_table

README = Path(__file__).parent.parent.parent / "README.md"


def main(arguments: list[str] | None = None, *, readme: Path = README) -> int:
    options = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        record = Record(options.directory, Path(scratch))
        loaders = options.loader or record.loaders
        unknown = [name for name in loaders if name not in record.loaders]
        if unknown:
            print(f"no loader `{unknown[0]}` in the record; there are {', '.join(record.loaders)}", file=sys.stderr)
            return 2
        loads = list(judged_loads(record, loaders))
        rows = figures_of(loads) | oracle_figures(record, loads)
    if options.verbose:
        print("\n".join(details(loads)), end="\n\n")
    print(as_markdown(rows) if options.format == "markdown" else as_text(rows), end="")
    if options.json:
        _write_figures(options.json, rows)
    if options.record:
        _write_figures(options.directory / "figures.json", rows)
        readme.write_text(with_table(readme.read_text(encoding="utf-8"), rows), encoding="utf-8")
    return 0


def _write_figures(file: Path, rows: dict[str, Figures]) -> None:
    file.write_text(f"{json.dumps(as_json(rows), indent=1)}\n", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.truth", description=__doc__.split("\n")[0])
    parser.add_argument("directory", type=Path, nargs="?", default=CARRIED, help="a record; the repository's own")
    parser.add_argument("--loader", action="append", metavar="NAME", help="only this loader; may be repeated")
    parser.add_argument("--verbose", action="store_true", help="what is wrong, unnamed or nameless, in groups")
    parser.add_argument("--format", choices=("text", "markdown"), default="text")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--record", action="store_true", help="keep the figures: in figures.json and in the README")
    return parser


if __name__ == "__main__":
    sys.exit(main())
