"""One model against one environment. Pure: no file is read here, and nothing is imported."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import ANOTHER_RELEASE, PLACES_SHOWN, Finding, Level, Mismatch, Report, Rule, Undecided
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.model import ModelSpec
from mlflow_kerasguard.rules import RULES, RegisteredRule
from mlflow_kerasguard.rules.view import compiles_always, keras_package

_ORDER = {Level.ERROR: 0, Level.WARNING: 1, Level.NOTE: 2}


def check_model(
    model: ModelSpec,
    environment: Environment,
    *,
    compile: bool = True,
    find_release: Callable[[ModelSpec, Environment], str | None] | None = None,
    families: tuple[str, ...] = ("KG",),
) -> Report:
    """Hold ``model`` against ``environment`` by every rule.

    Args:
        model: what the file asks for.
        environment: where it would be loaded.
        compile: judge ``load_model(path)``; False judges ``load_model(path, compile=False)``.
        find_release: finds the command for a release of Keras that takes the model, where one does;
            asked at most once. Without it, such a fix names the release that saved the model.
        families: beginnings of the codes of the rules to apply, such as ``KG51``.
    """
    judged = model if compile or compiles_always(model, environment) else model.without_compile()
    findings: list[Finding] = []
    undecided: list[Undecided] = []
    for registered in (item for code, item in RULES.items() if code.startswith(families)):
        mismatches, unknowns = _apply(registered, judged, environment)
        findings += _group(registered.rule, mismatches)
        # Notes and warnings don't bear on the verdict, so not knowing them doesn't either.
        if unknowns and registered.rule.level is Level.ERROR:
            undecided += [Undecided(rule=registered.rule, reason=reason) for reason in unknowns]
    if any(finding.fix == ANOTHER_RELEASE for finding in findings):
        command = (find_release or saving_release)(judged, environment)
        findings = [replace(item, fix=command) if item.fix == ANOTHER_RELEASE else item for item in findings]
    findings.sort(key=lambda finding: (_ORDER[finding.level], finding.code))
    return Report(
        model=model.source,
        model_summary=model.summary(),
        environment=environment.describe(),
        findings=tuple(findings),
        undecided=tuple(undecided),
        details={
            "compile": compile,
            "format": model.format,
            "keras_version": model.keras_version,
            "backend": model.backend,
            "python": environment.python,
        },
    )


def saving_release(model: ModelSpec, environment: Environment) -> str | None:
    """The command for the release that saved the model, as far as its file tells."""
    if model.keras_version is None:
        return None
    return f"pip install '{keras_package(model, environment).replace('_', '-')}=={model.keras_version}'"


def _apply(registered: RegisteredRule, model: ModelSpec, environment: Environment) -> tuple[list[Mismatch], list[str]]:
    """What the rule found, and what it would have had to know, each reason once."""
    found: list[Mismatch] = []
    unknowns: dict[str, None] = {}
    try:
        for item in registered.judge(model, environment):
            if isinstance(item, Unknown):
                unknowns[str(item)] = None
            else:
                found.append(item)
    except Unknown as unknown:
        unknowns[str(unknown)] = None
    return found, list(unknowns)


def _group(rule: Rule, mismatches: Iterable[Mismatch]) -> list[Finding]:
    """Mismatches that are alike but for the place, as one finding each."""
    places: dict[tuple[str, str, str | None, tuple[str, ...]], list[str]] = {}
    for mismatch in mismatches:
        key = (mismatch.expected, mismatch.found, mismatch.fix, mismatch.snippet)
        places.setdefault(key, []).append(mismatch.where)
    return [
        Finding(
            rule=rule,
            expected=expected,
            found=found,
            fix=fix,
            places=tuple(where[:PLACES_SHOWN]),
            count=len(where),
            snippet=snippet,
        )
        for (expected, found, fix, snippet), where in places.items()
    ]
