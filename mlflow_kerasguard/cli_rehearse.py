"""The subcommand ``rehearse``: its arguments, the call, the report, the exit status."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlflow_kerasguard.cli_output import require_writable, write_report

if TYPE_CHECKING:
    from mlflow_kerasguard.rebuild.outcome import Outcome

_STATUSES = """\
exit status:
  0    every environment loads the model and predicts the same
  1    some environment doesn't
  2    wrong usage, or there is no such model
  3    none that was built fails, and some can't be built
"""

#: Those of `rebuild.managers` and of the reports, which aren't imported for any other subcommand.
_MANAGERS, _FORMATS = ("uv", "virtualenv", "conda"), ("text", "json", "html")
_TIME_LIMIT = 300.0


def add_rehearse(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = (
        "Build the environment that a logged model pins from scratch, load the model there, predict, and compare with "
        "the predictions that were kept when it was logged. The model's code is run, in that environment alone."
    )
    parser.epilog, parser.formatter_class = _STATUSES, argparse.RawDescriptionHelpFormatter
    parser.add_argument("model", metavar="MODEL", help="an MLflow model directory or any MLflow model URI")
    parser.add_argument(
        "--against",
        metavar="ENV",
        action="append",
        default=[],
        help="replace pins, such as 'keras==3.12.4 python==3.12', or none with ''; may be given several times",
    )
    parser.add_argument("--manager", choices=_MANAGERS, default="uv", help="what builds (default: %(default)s)")
    parser.add_argument(
        "--time-limit",
        metavar="SECONDS",
        type=positive,
        default=_TIME_LIMIT,
        help="for each load; one that doesn't return fails (default: %(default)g)",
    )
    parser.add_argument(
        "--jobs", metavar="N", type=count_above_0, default=1, help="environments that are built at a time"
    )
    _add_cache(parser)
    parser.add_argument("--trust", metavar="PATH", action="append", default=[], help="as for `check`")
    parser.add_argument("--no-compile", dest="compile", action="store_false", help="load without loss and optimizer")
    parser.add_argument("--format", choices=_FORMATS, default="text", help="of the report (default: %(default)s)")
    parser.add_argument("--output", metavar="FILE", type=Path, help="write the report there, not to standard output")
    parser.set_defaults(run=_rehearse)


def _add_cache(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--cache", metavar="DIR", type=Path, help="where environments are kept")
    which.add_argument("--no-cache", dest="use_cache", action="store_false", help="build anew, and keep no environment")


def _rehearse(options: argparse.Namespace) -> tuple[str | None, int]:
    from mlflow_kerasguard.rebuild.rehearsals import rehearse
    from mlflow_kerasguard.reports.outcomes import OUTCOMES_FORMATS

    require_writable(options.output)
    with ending_in_order():
        outcomes = rehearse(
            options.model,
            options.against,
            manager=options.manager,
            compile=options.compile,
            trusted=options.trust,
            time_limit=options.time_limit,
            jobs=options.jobs,
            cache=options.cache,
            use_cache=options.use_cache,
        )
    text = OUTCOMES_FORMATS[options.format](options.model, outcomes)
    if options.output is not None:
        write_report(options.output, text)
        return None, _status(outcomes)
    return text, _status(outcomes)


@contextlib.contextmanager
def ending_in_order() -> Iterator[None]:
    """Let whoever stops this process, such as a build server, stop what it has started as well."""
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _status(outcomes: Sequence[Outcome]) -> int:
    from mlflow_kerasguard.rebuild.outcome import Result

    results = {outcome.result for outcome in outcomes}
    if any(not result.is_good and result is not Result.NOT_BUILT for result in results):
        return 1
    return 3 if Result.NOT_BUILT in results else 0


def positive(text: str) -> float:
    """A number of seconds, as an argument."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} isn't a number of seconds above 0")
    return number


def count_above_0(text: str) -> int:
    """A number of things, as an argument."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} isn't a whole number above 0")
    return number
