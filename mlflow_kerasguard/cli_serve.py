"""The subcommands ``kerasguard serve`` and ``kerasguard status``.

Their imports stand inside, as in :mod:`mlflow_kerasguard.cli`: starting has to be quick.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

_OK, _FAILED = 0, 1

_SERVE = """\
usage: kerasguard serve MODEL_URI [options of mlflow models serve]

Hold a model against the environment that is going to serve it, and then let MLflow serve it. With the
environment managers virtualenv (default), uv and conda that is the environment that the model pins, with
local it is this one. Of a model that is elsewhere only the small files are downloaded for that.

{options}
exit status:
  0    the server was told to end
  1    the model is incompatible or unsafe, or the server failed; says why
  2    wrong usage, or there is no such model
  130  interrupted
"""

#: The name of the subcommand, whose arguments are MLflow's to understand.
SERVE = "serve"


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add both subcommands to a parser's; of ``serve`` only the name, since MLflow knows its options."""
    commands.add_parser(SERVE, help="hold a model against its serving environment, and have MLflow serve it")
    parser = commands.add_parser("status", help="tell what a server says of itself")
    parser.description = "Tell whether a scoring server answers, and what it serves. No data is sent."
    parser.epilog = "exit status: 0 it is ready, 1 it isn't, 2 wrong usage"
    parser.add_argument("url", metavar="URL", help="such as http://127.0.0.1:5000")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="(default: %(default)s)")
    parser.add_argument(
        "--time-limit", metavar="SECONDS", type=float, default=5.0, help="for each answer (default: %(default)g)"
    )
    parser.set_defaults(run=_status)


def serve_options(arguments: Sequence[str]) -> argparse.Namespace:
    """What the parser gives for other subcommands; the arguments stay as they are."""
    run = _help if {"--help"}.intersection(arguments) else _serve
    return argparse.Namespace(arguments=list(arguments), run=run)


def _help(_: argparse.Namespace) -> tuple[str, int]:
    from mlflow_kerasguard.deployment.options import describe

    return _SERVE.format(options=describe()).rstrip(), _OK


def _serve(options: argparse.Namespace) -> tuple[str | None, int]:
    from mlflow_kerasguard.deployment.launch import ServerEndedError, serve

    try:
        found = serve(options.arguments)
    except ServerEndedError as error:
        print("kerasguard: error:", error, file=sys.stderr)  # noqa: T201 - for the operator
        return None, _FAILED
    return (None, _OK) if found.passed else (str(found.report), _FAILED)


def _status(options: argparse.Namespace) -> tuple[str, int]:
    from mlflow_kerasguard.deployment.status import read_status

    status = read_status(options.url, time_limit=options.time_limit)
    text = status.to_json() if options.format == "json" else str(status)
    return text, _OK if status.ready else _FAILED
