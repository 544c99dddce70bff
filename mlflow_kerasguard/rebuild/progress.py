"""Who tells how far it is: a bar on a terminal, plain lines elsewhere, always on standard error."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence

#: Takes the number of an environment and what is being done with it; None for done with.
Tell = Callable[[int, str | None], None]


@contextlib.contextmanager
def told(names: Sequence[str], steps: int) -> Iterator[Tell]:
    """Tell people what goes on.

    Args:
        names: of the environments.
        steps: how many things are told of each.
    """
    if not sys.stderr.isatty():
        yield lambda number, what: _print(names[number], what)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=len(names) * steps)

        def tell(number: int, what: str | None) -> None:
            # One who is done with early has fewer steps left than it says: the bar is a promise, not a measure.
            progress.update(task, advance=1, description=f"{names[number]}: {what or 'done'}")

        yield tell


def _print(name: str, what: str | None) -> None:
    if what is not None:
        sys.stderr.write(f"{name}: {what} ...\n")
        sys.stderr.flush()
