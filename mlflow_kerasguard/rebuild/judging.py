"""What a trial means, beside what the static check says of the same environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from mlflow_kerasguard.checking import check
from mlflow_kerasguard.environment.listed import Listed, make_environment
from mlflow_kerasguard.environment.wanted import parse_requirement
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.findings import Report, Verdict
from mlflow_kerasguard.output_differences import Comparison, table
from mlflow_kerasguard.rebuild.outcome import Outcome, Result, Seconds
from mlflow_kerasguard.rebuild.plans import EnvironmentPlan
from mlflow_kerasguard.rebuild.store import Built
from mlflow_kerasguard.rebuild.trial import Job, Trial
from mlflow_kerasguard.rehearsal.process import LOADING


class Checked(TypedDict):
    """What the static check says, as fields of an outcome."""

    check: str | None
    check_reason: str


def static_check(job: Job, plan: EnvironmentPlan, built: Built | None) -> Checked:
    """Hold the model against what is installed, or where nothing is, against what was to be.

    Nothing is run or imported for it, in that environment neither: it is what ``kerasguard check`` says of
    the list.
    """
    try:
        environment = make_environment(_listed(plan, built), fetch=False)
        report = check(job.directory, environment, compile=job.compile, trusted=job.trusted)
    except UsageError as error:
        return Checked(check=None, check_reason=str(error))
    return checked_by(report)


def checked_by(report: Report) -> Checked:
    """What a report says."""
    return Checked(check=report.verdict.value if report.safe else "unsafe", check_reason=_reason(report))


def _listed(plan: EnvironmentPlan, built: Built | None) -> Listed:
    source = f"`{plan.name}`"
    texts = (
        [f"{name}=={version}" for name, version in built.versions.items()]
        if built
        else [pin.text for pin in plan.pins if not pin.is_file]
    )
    return Listed(
        source=source,
        wanted=tuple(parse_requirement(text, source) for text in texts),
        python=built.python if built else plan.python,
        variables=plan.variables,
        complete=built is not None,
    )


def _reason(report: Report) -> str:
    if not report.errors:
        return report.undecided[0].reason if report.undecided else ""
    first = report.errors[0]
    return f"{first.code} {first.where}: expected {first.expected}, found {first.found}"


def judge(
    trial: Trial, *, plan: EnvironmentPlan, built: Built, job: Job, seconds: Seconds, checked: Checked
) -> Outcome:
    """The outcome of a trial.

    Args:
        trial: how the load went.
        plan: what was to be installed.
        built: what was.
        job: what was loaded.
        seconds: what building took.
        checked: what the static check says.
    """
    answer = trial.answer or {}
    outputs = tuple(Comparison(**{**item, "tolerance": _pair(item["tolerance"])}) for item in answer.get("outputs", ()))
    result, problem = _result(job, trial, outputs)
    return Outcome(
        environment=plan.name,
        result=result,
        problem=problem,
        places=tuple(answer.get("places", ())),
        output="" if trial.answer else trial.output,
        outputs=outputs,
        versions=answer.get("versions") or _known_versions(built),
        dropped=built.dropped,
        notes=tuple(_notes(plan, built, job)),
        reused=built.reused,
        seconds=_with_trial(seconds, trial, job),
        **checked,
    )


def _result(job: Job, trial: Trial, outputs: tuple[Comparison, ...]) -> tuple[Result, str]:
    if trial.timed_out:
        limit = f"{job.time_limit:g} seconds"
        return Result.TIMED_OUT, f"the load didn't return within {limit}; `--time-limit` gives it more"
    if trial.answer is None:
        return Result.FAILED, f"{trial.ended} before the model was loaded"
    if not trial.answer["safe"]:
        return Result.REFUSED, f"it isn't safe to load, so nothing of it was run:\n{trial.answer['report']}"
    if "error" in trial.answer:
        verb = "it doesn't load" if trial.answer["stage"] == LOADING else "it loads, and doesn't predict"
        return Result.FAILED, f"{verb}: {trial.answer['error']}"
    return _result_of_load(trial.answer, outputs)


def _result_of_load(answer: Mapping[str, Any], outputs: tuple[Comparison, ...]) -> tuple[Result, str]:
    wrong = [item for item in outputs if not item.same]
    if wrong:
        return Result.DIFFERENT, f"it predicts otherwise than when it was logged:\n{table(wrong)}"
    if answer["verdict"] == Verdict.INCOMPATIBLE.value:
        said = "Keras loads it, but the check in that environment refuses it, and with it `load_model` and serving"
        return Result.REFUSED, f"{said}:\n{answer['report']}"
    return (Result.SAME if outputs else Result.LOADED), ""


def _notes(plan: EnvironmentPlan, built: Built, job: Job) -> list[str]:
    notes = []
    if not job.golden:
        notes.append("the model has no golden predictions, so it was loaded without comparing any")
    if not built.python.startswith(plan.python):
        notes.append(f"Python {built.python} stands in for {plan.python}, which isn't here")
    return notes


def _known_versions(built: Built) -> dict[str, str]:
    names = ("keras", "tf-keras", "tensorflow", "tensorflow-cpu", "jax", "torch")
    return {"python": built.python, **{name: built.versions[name] for name in names if name in built.versions}}


def _with_trial(seconds: Seconds, trial: Trial, job: Job) -> Seconds:
    answer = trial.answer or {}
    return Seconds(
        build=seconds.build,
        tools=seconds.tools,
        start=trial.started,
        imports=answer.get("import_seconds", 0.0),
        load=answer.get("load_seconds", job.time_limit if trial.timed_out else 0.0),
        predict=answer.get("predict_seconds", 0.0),
    )


def _pair(value: list[float] | None) -> tuple[float, float] | None:
    return None if value is None else (value[0], value[1])
