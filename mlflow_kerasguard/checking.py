"""The public ``check``: where paths and environments become values for the engine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlflow_kerasguard.engine import check_model
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.findings import Verdict
from mlflow_kerasguard.formats import read_model
from mlflow_kerasguard.policies import CustomCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mlflow_kerasguard.environment import Environment
    from mlflow_kerasguard.findings import Report
    from mlflow_kerasguard.model import ModelSpec
    from mlflow_kerasguard.releases import ReleaseRange


_UNSIGNED = "another flavor logged it; check it without `--by-signature`"


def check(
    model: str | Path,
    against: str | Path | Environment | None = None,
    *,
    compile: bool = True,
    fetch: bool = False,
    custom_code: str = CustomCode.PACKAGED,
    trusted: Iterable[str] = (),
    by_signature: bool = False,
) -> Report:
    """Tell whether a saved Keras model loads in an environment and predicts the same.

    Args:
        model: path to a ``.keras``, ``.h5`` or ``.hdf5`` file, a SavedModel or MLflow model
            directory, or any MLflow model URI.
        against: None for this interpreter; requirements such as ``"keras==3.8.0 python==3.11"``; the path
            of a requirements file, ``pylock.toml``, ``uv.lock``, conda ``environment.yml``, interpreter,
            virtual environment or wheel; the path or URI of a logged model; or an ``Environment``.
        compile: judge ``load_model(path)``; False judges ``load_model(path, compile=False)``.
        fetch: get a Keras release that isn't known from the configured package index.
        custom_code: whose version of the packaged code counts; see
            :func:`mlflow_kerasguard.load_model`.
        trusted: paths of objects that the caller vouches for, such as ``keras.layers.Lambda``.
        by_signature: judge a logged model by its compatibility signature. Nothing else of its payload is
            read, and of a model that is elsewhere only the small files are downloaded.

    Returns:
        The report. A damaged or hostile file is a report with findings of family KG1xx.

    Raises:
        ModelNotFoundError: there is nothing at ``model``.
        UsageError: an argument can't be used as it was given.
    """
    return check_each(
        model,
        [against],
        compile=compile,
        fetch=fetch,
        custom_code=custom_code,
        trusted=trusted,
        by_signature=by_signature,
    )[0]


def check_each(
    model: str | Path,
    against: Iterable[str | Path | Environment | None],
    *,
    compile: bool = True,
    fetch: bool = False,
    custom_code: str = CustomCode.PACKAGED,
    trusted: Iterable[str] = (),
    by_signature: bool = False,
) -> tuple[Report, ...]:
    """Hold one model, which is read once, against several environments: a report each.

    Args:
        model: as for :func:`check`.
        against: what :func:`check` takes, any number of times.
        compile: as for :func:`check`.
        fetch: as for :func:`check`.
        custom_code: as for :func:`check`.
        trusted: as for :func:`check`.
        by_signature: as for :func:`check`.

    Raises:
        ModelNotFoundError: there is nothing at ``model``.
        UsageError: an argument can't be used as it was given, or there is no signature to judge by.
    """
    # Before the model: a mistake in an argument is told at once.
    policy = CustomCode.of(custom_code)
    environments = [_environment(item, fetch=fetch) for item in against]
    # A URI says more to the reader of a report than the place that it was fetched to.
    spec = replace(
        _read_signed(model) if by_signature else _read(model),
        source=str(model),
        custom_code=policy,
        trusted=frozenset(trusted),
    )
    return tuple(judge(spec, environment, compile=compile) for environment in environments)


def judge(model: ModelSpec, environment: Environment, *, compile: bool) -> Report:
    """The report; where a compiled model fails, it also says whether it loads with ``compile=False``."""
    report = check_model(model, environment, compile=compile, find_release=_nearest(compile=compile))
    if not compile or report.verdict is not Verdict.INCOMPATIBLE or not model.compile_config:
        return report
    without = check_model(model, environment, compile=False).verdict
    return replace(report, details={**report.details, "verdict_without_compile": without.value})


def _nearest(*, compile: bool) -> Callable[[ModelSpec, Environment], str | None]:
    def find(model: ModelSpec, environment: Environment) -> str | None:
        # Only where something is wrong: most checks don't need the history.
        from mlflow_kerasguard.releases import find_nearest

        nearest = find_nearest(model, environment, compile=compile)
        return nearest or "no known release of Keras loads it: build the model from its code, and copy the weights"

    return find


def check_releases(model: str | Path, *, compile: bool = True) -> tuple[ModelSpec, tuple[ReleaseRange, ...]]:
    """Tell which of all known releases of Keras load a model.

    Args:
        model: as for :func:`check`.
        compile: as for :func:`check`.

    Returns:
        The model as it was read, and successive releases with the same answer, by package, oldest first.

    Raises:
        ModelNotFoundError: there is nothing at ``model``.
    """
    from mlflow_kerasguard.releases import judge_releases

    spec = replace(_read(model), source=str(model))
    return spec, judge_releases(spec, compile=compile)


def _environment(against: str | Path | Environment | None, *, fetch: bool) -> Environment:
    if against is None:
        from mlflow_kerasguard.environment.installed import installed

        return installed()
    if isinstance(against, str | Path):
        # What a check of this interpreter doesn't need: a quick answer shouldn't wait for it.
        from mlflow_kerasguard.against import read_environment

        return read_environment(against, fetch=fetch)
    from mlflow_kerasguard.environment import Environment

    if not isinstance(against, Environment):
        raise UsageError(f"`against` takes None, a string, a path or an `Environment`, not {against!r}")
    return against


def _read(model: str | Path) -> ModelSpec:
    path = Path(model)
    if path.is_file():
        return read_model(path)
    # What a bare file doesn't need: a quick answer shouldn't wait for it.
    from mlflow_kerasguard.artifact import is_logged_model, read_logged_model
    from mlflow_kerasguard.tracking import fetch

    fetched = fetch(model)
    return read_logged_model(fetched) if is_logged_model(fetched) else read_model(fetched)


def _read_signed(model: str | Path) -> ModelSpec:
    from mlflow_kerasguard.artifact import open_signed_model
    from mlflow_kerasguard.tracking import small_files

    with small_files(model) as files:
        logged = open_signed_model(files.directory, files.names)
    if logged is None:
        raise UsageError(f"`{model}` has no compatibility signature, so its file has to be read: {_UNSIGNED}")
    return logged.spec
