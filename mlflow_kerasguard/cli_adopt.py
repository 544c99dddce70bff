"""The subcommand ``kerasguard adopt``.

Its imports stand inside, as in :mod:`mlflow_kerasguard.cli`: starting has to be quick.
"""

from __future__ import annotations

import argparse
import json
import os

_OK, _REFUSED = 0, 1

#: The rules that find a custom object whose code isn't there.
_CODE_IS_MISSING = frozenset({"KG202", "KG501"})

_STATUSES = """\
exit status:
  0    adopted, or adopted before, or guarded already; with --dry-run: it can be adopted
  1    not adopted: the model is incompatible or unsafe, or a rehearsal or MLflow failed; says why
  2    wrong usage, or there is no such model
"""


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand to a parser's."""
    parser = commands.add_parser("adopt", help="make a guarded version of a model that was logged without the guard")
    parser.description = (
        "Make a guarded version of a model that mlflow.keras or mlflow.tensorflow logged, or of a Keras file, in "
        "MLflow's registry. The Keras file stays as it is. The model is checked before anything of it runs; then it "
        "is loaded here, and in a fresh process from the new version alone."
    )
    parser.epilog, parser.formatter_class = _STATUSES, argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "model", metavar="MODEL", help="models:/NAME/VERSION, another MLflow model URI or directory, or a Keras file"
    )
    parser.add_argument(
        "--to", "--name", metavar="NAME", help="the registered model that gets the new version (default: MODEL's own)"
    )
    parser.add_argument(
        "--code-path",
        metavar="PATH",
        action="append",
        default=[],
        help="a file or directory with the code of custom objects, beside what was logged; may be given several times",
    )
    parser.add_argument(
        "--trust",
        metavar="PATH",
        action="append",
        default=[],
        help="vouch for an object that isn't loaded otherwise, such as keras.layers.Lambda; may be given several times",
    )
    parser.add_argument("--requirements", metavar="FILE", help="a requirements file instead of the default pins")
    parser.add_argument(
        "--extra-requirement",
        metavar="REQUIREMENT",
        action="append",
        help="in addition to the default pins, such as 'tensorflow==2.20.0'; may be given several times",
    )
    parser.add_argument(
        "--no-rehearsal",
        dest="rehearse",
        action="store_false",
        help="run nothing of the model: keep the requirements that it was logged with, and no predictions",
    )
    parser.add_argument("--again", action="store_true", help="adopt what was adopted before")
    parser.add_argument("--dry-run", action="store_true", help="check, and say what would be done; change nothing")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="(default: %(default)s)")
    parser.set_defaults(run=_adopt)


def _adopt(options: argparse.Namespace) -> tuple[str, int]:
    from mlflow_kerasguard.errors import AdoptionError, IncompatibleModelError, LoadFailedError, ModelNotLoggableError
    from mlflow_kerasguard.registry.adoption import adopt

    # Loading is a means here: what TensorFlow finds on this machine is of no interest.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        adoption = adopt(
            options.model,
            to=options.to,
            code_paths=options.code_path,
            trusted=options.trust,
            pip_requirements=options.requirements,
            extra_pip_requirements=options.extra_requirement,
            rehearse=options.rehearse,
            again=options.again,
            dry_run=options.dry_run,
        )
    except (AdoptionError, IncompatibleModelError, LoadFailedError, ModelNotLoggableError) as error:
        return _refused(options, error), _REFUSED
    return json.dumps(adoption.to_dict(), indent=1) if options.format == "json" else str(adoption), _OK


def _refused(options: argparse.Namespace, error: Exception) -> str:
    if options.format == "json":
        return json.dumps({"outcome": "refused", "source": options.model, "reason": str(error)}, indent=1)
    lines = [f"NOT ADOPTED: {options.model}", "", str(error)]
    codes = {finding.code for finding in getattr(getattr(error, "report", None), "findings", ())}
    if codes & _CODE_IS_MISSING:
        lines += ["", "To adopt it, name the file or directory with its code: `--code-path PATH`."]
    return "\n".join(lines)
