"""The subcommand ``promote``: its arguments, the call, the report, the exit status."""

from __future__ import annotations

import argparse
from pathlib import Path

#: Exit statuses by what was decided.
_STATUS = {"allowed": 0, "refused": 1, "undecided": 3}

_STATUSES = """\
exit status:
  0    promoted; with --dry-run: it would be
  1    refused, by what was found here or by the server; nothing was changed
  2    wrong usage, no such version, or the registry doesn't answer
  3    undecided: something isn't known; nothing was changed
"""

#: Those of the reports, which aren't imported for any other subcommand.
_FORMATS = ("text", "json", "html")


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand to a parser's."""
    parser = commands.add_parser("promote", help="give a registered version an alias, if its environments load it")
    parser.description = (
        "Hold a registered version against the environments that are going to serve it, by its signature, and give it "
        "an alias, a stage or a copy in another registered model only if it passes."
    )
    parser.epilog, parser.formatter_class = _STATUSES, argparse.RawDescriptionHelpFormatter
    parser.add_argument("model", metavar="MODEL", help="models:/NAME/VERSION or models:/NAME@ALIAS")
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--alias", help="the alias that it is to get")
    target.add_argument("--stage", help="the stage that it is to get")
    target.add_argument("--to", metavar="NAME", help="the registered model that it is to be copied to")
    parser.add_argument(
        "--against",
        metavar="ENV",
        action="append",
        default=[],
        help="an environment beside those of the policy: a name that the policy gives, or as for `check`; without a "
        "policy the default is this interpreter; may be given several times",
    )
    parser.add_argument(
        "--policy",
        metavar="FILE",
        type=Path,
        help="default: MLFLOW_KERASGUARD_POLICY, else kerasguard.toml or [tool.kerasguard] of pyproject.toml here",
    )
    parser.add_argument("--dry-run", action="store_true", help="decide, and change nothing")
    parser.add_argument(
        "--rehearse",
        action="store_true",
        help="also load the model in each environment, and compare its predictions; its code runs there",
    )
    parser.add_argument("--format", choices=_FORMATS, default="text", help="of the report (default: %(default)s)")
    parser.set_defaults(run=_promote)


def _promote(options: argparse.Namespace) -> tuple[str, int]:
    from mlflow_kerasguard.cli_rehearse import ending_in_order
    from mlflow_kerasguard.errors import NotPromotedError, RegistryError
    from mlflow_kerasguard.registry.gate import Outcome
    from mlflow_kerasguard.registry.promotion import promote
    from mlflow_kerasguard.reports.promotions import PROMOTION_FORMATS, render_by_server

    try:
        with ending_in_order():
            promotion = promote(
                options.model,
                alias=options.alias,
                stage=options.stage,
                to=options.to,
                against=options.against,
                policy=options.policy,
                dry_run=options.dry_run,
                rehearse=options.rehearse,
            )
    except NotPromotedError as error:
        promotion = error.promotion
    except RegistryError as error:
        if not (error.refused or error.undecided):
            raise
        outcome = Outcome.REFUSED if error.refused else Outcome.UNDECIDED
        return render_by_server(str(error), outcome, options.format), _STATUS[outcome.value]
    return PROMOTION_FORMATS[options.format](promotion), _STATUS[promotion.outcome.value]
