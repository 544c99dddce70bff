"""The command ``kerasguard``: arguments, one call, a report, an exit status. It decides nothing.

What only one subcommand needs is imported inside it: starting has to be quick.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Collection, Sequence

from mlflow_kerasguard import cli_adopt, cli_audit, cli_pack, cli_promote, cli_serve
from mlflow_kerasguard.cli_rehearse import add_rehearse
from mlflow_kerasguard.errors import KerasGuardError, UsageError
from mlflow_kerasguard.findings import Report, Verdict
from mlflow_kerasguard.policies import CustomCode
from mlflow_kerasguard.reports import FORMATS, render_all
from mlflow_kerasguard.reports.catalogue import CATALOGUES, explain
from mlflow_kerasguard.version import __version__

OK, REFUSED, USAGE, UNDECIDED, INTERRUPTED = 0, 1, 2, 3, 130

_STATUSES = """\
exit status:
  0    compatible and safe
  1    incompatible or unsafe
  2    wrong usage, or there is no such model or rule
  3    undecided: something that a rule would have to know isn't known
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: without the program's name; None for those of this process.

    Returns:
        The exit status: 0 compatible and safe, 1 incompatible or unsafe, 2 wrong usage or nothing
        there, 3 undecided, 130 interrupted; of ``serve`` and others as they say themselves.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = cli_serve.serve_options(given[1:]) if given[:1] == [cli_serve.SERVE] else _parser().parse_args(given)
    # A process of a second: looking for garbage costs a tenth of it and frees nothing that matters.
    collects = gc.isenabled()
    gc.disable()
    try:
        text, status = options.run(options)
        if text is not None:
            _print(text)
    except KerasGuardError as error:
        print("kerasguard: error:", " ".join(str(error).split()), file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        if collects:
            gc.enable()
    return int(status)


def _print(text: str) -> None:
    """Write to standard output, whatever it can encode, and though nobody may be reading."""
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a text stream has it
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # `kerasguard check … | head -1`: the verdict stands. Python flushes once more at exit, so
        # standard output has to lead somewhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _check(options: argparse.Namespace) -> tuple[str, int]:
    from mlflow_kerasguard.checking import check_each

    reports = check_each(
        options.model,
        options.against or [None],
        compile=options.compile,
        fetch=options.fetch,
        custom_code=options.custom_code,
        trusted=options.trust or (),
        by_signature=options.by_signature,
    )
    return render_all(reports, options.format), max(map(_status, reports), key=_BADNESS.index)


#: Of answers that aren't a report's findings.
_PLAIN_FORMATS = ("text", "json")

#: Of several reports the worst decides.
_BADNESS = (OK, UNDECIDED, REFUSED)


def _releases(options: argparse.Namespace) -> tuple[str, int]:
    from mlflow_kerasguard.checking import check_releases
    from mlflow_kerasguard.reports.releases import RELEASES_FORMATS

    model, ranges = check_releases(options.model, compile=options.compile)
    text = RELEASES_FORMATS[options.format](model.source, model.summary(), ranges)
    verdicts = {item.verdict for item in ranges}
    if Verdict.COMPATIBLE in verdicts:
        return text, OK
    return text, UNDECIDED if Verdict.UNDECIDED in verdicts else REFUSED


def _diff(options: argparse.Namespace) -> tuple[str, int]:
    from mlflow_kerasguard.comparison import diff
    from mlflow_kerasguard.reports.differences import DIFFERENCES_FORMATS

    differences = diff(options.first, options.second)
    text = DIFFERENCES_FORMATS[options.format](options.first, options.second, differences)
    return text, REFUSED if differences else OK


def _status(report: Report) -> int:
    if report.ok:
        return OK
    return UNDECIDED if report.safe and report.verdict is Verdict.UNDECIDED else REFUSED


def _explain(options: argparse.Namespace) -> tuple[str, int]:
    from mlflow_kerasguard.rules import RULES

    code = options.code.upper()
    if code not in RULES:
        raise UsageError(f"there is no rule `{options.code}`; {_advice(code, RULES)}")
    return explain(RULES[code].rule), OK


def _advice(code: str, known: Collection[str]) -> str:
    from difflib import get_close_matches

    family = [other for other in known if other[:3] == code[:3]]
    near = sorted(family or get_close_matches(code, known, n=5, cutoff=0.75))
    return f"near it: {', '.join(near)}" if near else "`kerasguard rules` lists them all"


def _rules(options: argparse.Namespace) -> tuple[str, int]:
    from mlflow_kerasguard.rules import RULES

    return CATALOGUES[options.format](RULES[code].rule for code in sorted(RULES)), OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kerasguard",
        description="Tell whether a saved Keras model loads in an environment, without loading it.",
        epilog=_STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"kerasguard {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_check(commands.add_parser("check", help="hold a model against this environment, or others"))
    _add_releases(commands.add_parser("releases", help="tell which releases of Keras load a model"))
    add_rehearse(commands.add_parser("rehearse", help="build the environments that a model pins, and load it there"))
    _add_diff(commands.add_parser("diff", help="tell what two models differ in"))
    cli_serve.add_commands(commands)
    cli_pack.add_commands(commands)
    cli_adopt.add_command(commands)
    cli_promote.add_commands(commands)
    cli_audit.add_commands(commands)
    _add_explain(commands.add_parser("explain", help="say what a rule means"))
    _add_rules(commands.add_parser("rules", help="list all rules"))
    return parser


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.description = "Hold a model against an environment. Nothing of the model is loaded or run."
    parser.epilog, parser.formatter_class = _STATUSES, argparse.RawDescriptionHelpFormatter
    _add_model(parser, FORMATS)
    parser.add_argument(
        "--against",
        metavar="ENV",
        action="append",
        help="instead of this environment: requirements such as 'keras==3.8.0 python==3.11', a requirements file, "
        "pylock.toml, uv.lock, conda environment.yml, a Python or virtual environment, a logged model, a wheel of "
        "Keras; may be given several times, for one report each",
    )
    parser.add_argument(
        "--fetch",
        action="store_true",
        help="get a Keras release that isn't known from the package index",
    )
    parser.add_argument(
        "--custom-code",
        choices=[policy.value for policy in CustomCode],
        default=CustomCode.PACKAGED.value,
        help="judge a load with the code in the model, with the environment's own, or with the code in the model where "
        "the environment has to have the same (default: %(default)s)",
    )
    parser.add_argument(
        "--trust",
        metavar="PATH",
        action="append",
        help="vouch for an object that isn't loaded otherwise, such as keras.layers.Lambda; may be given several times",
    )
    parser.add_argument(
        "--by-signature",
        action="store_true",
        help="judge a logged model by its signature: its weights are neither downloaded nor read",
    )
    parser.set_defaults(run=_check)


def _add_model(parser: argparse.ArgumentParser, formats: Collection[str]) -> None:
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="a .keras or .h5 file, a SavedModel or MLflow model directory, or an MLflow model URI",
    )
    parser.add_argument("--format", choices=formats, default="text", help="of the report (default: %(default)s)")
    parser.add_argument(
        "--no-compile",
        dest="compile",
        action="store_false",
        help="judge `load_model(path, compile=False)`: leave loss, metrics and optimizer alone",
    )


def _add_releases(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Tell, for every known release of Keras, whether it loads a model and predicts the same, in ranges, with the "
        "reason where one ends, and the TensorFlow and Python that go with it. Nothing is installed or loaded."
    )
    parser.epilog = (
        "exit status: 0 some release loads it, 1 none does, 2 wrong usage or no such model, 3 it isn't known of any"
    )
    _add_model(parser, _PLAIN_FORMATS)
    parser.set_defaults(run=_releases)


def _add_diff(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Tell what two models differ in: versions, objects, configuration, shapes of weights, custom code and "
        "environment. Nothing of either is loaded or run."
    )
    parser.epilog = "exit status: 0 no differences, 1 differences, 2 wrong usage or no such model"
    for name, which in (("first", "MODEL_A"), ("second", "MODEL_B")):
        parser.add_argument(name, metavar=which, help="a model file or directory, or an MLflow model URI")
    parser.add_argument("--format", choices=_PLAIN_FORMATS, default="text", help="of the answer (default: %(default)s)")
    parser.set_defaults(run=_diff)


def _add_explain(parser: argparse.ArgumentParser) -> None:
    parser.description = "Say what a rule means and why it matters."
    parser.add_argument("code", metavar="CODE", help="such as KG201")
    parser.set_defaults(run=_explain)


def _add_rules(parser: argparse.ArgumentParser) -> None:
    parser.description = "List all rules."
    parser.add_argument("--format", choices=CATALOGUES, default="text", help="of the list (default: %(default)s)")
    parser.set_defaults(run=_rules)
