"""Rebuild cells of the matrix from real releases.

``python -m tests.live --saver 3.10.0 --loader 3.15.1 [--loader …] [--only NAME,…] [--output DIR]``: each
saver saves the models of the zoo, each loader loads them all, and DIR holds the record of it. Run
again with other releases, it extends the same record; what a saver has saved isn't saved again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.live.cells import Cell, rebuild
from tests.live.environments import CACHE, MissingPython
from tests.live.releases import find_release


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.live", description=__doc__.split("\n")[0])
    parser.add_argument("--saver", action="append", required=True, metavar="RELEASE", help="3.8.0, k2.7 or tfk2.18")
    parser.add_argument("--loader", action="append", required=True, metavar="RELEASE", help="likewise")
    parser.add_argument("--only", default="", metavar="NAME,…", help="models of the zoo, instead of all")
    parser.add_argument("--output", type=Path, default=Path("live-record"), metavar="DIR", help="./live-record")
    parser.add_argument("--cache", type=Path, default=CACHE, metavar="DIR", help=f"for environments ({CACHE})")
    parser.add_argument("--resave", action="store_true", help="save again what a saver has saved before")
    parser.add_argument("--missing", action="store_true", help="leave out the cells that the record has")
    parser.add_argument("--no-verdicts", action="store_true", help="don't compare with our own verdicts")
    options = parser.parse_args()
    only = tuple(name for name in options.only.split(",") if name)
    try:
        savers, loaders = ([find_release(name) for name in names] for names in (options.saver, options.loader))
        cells = rebuild(
            savers,
            loaders,
            options.output,
            cache=options.cache,
            only=only,
            resave=options.resave,
            missing=options.missing,
            verdicts=not options.no_verdicts,
        )
        for cell in cells:
            report(cell)
    except (MissingPython, ValueError) as error:
        parser.error(str(error))


def report(cell: Cell) -> None:
    print(f"{cell.saver} -> {cell.loader}: {cell.summary()}", flush=True)
    for line in cell.disagreements():
        print(f"    {line}", flush=True)


if __name__ == "__main__":
    main()
