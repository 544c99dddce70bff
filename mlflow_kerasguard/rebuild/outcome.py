"""What came of building an environment and loading a model in it: values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

from mlflow_kerasguard.output_differences import Comparison


class Result(str, Enum):
    """How a rehearsal in one environment ended, the best first."""

    SAME = "same predictions"
    LOADED = "loads"
    REFUSED = "refused"
    DIFFERENT = "other predictions"
    FAILED = "fails"
    TIMED_OUT = "timed out"
    NOT_BUILT = "not built"

    def __str__(self) -> str:
        return self.value

    @property
    def is_good(self) -> bool:
        return self in {Result.SAME, Result.LOADED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds:
    """Where the time went.

    Attributes:
        build: everything until the environment was there.
        tools: of it, what installers and interpreters took.
        start: until the environment's Python ran.
        imports: importing Keras and its backend.
        load: Keras's load of the model.
        predict: the predictions.
        total: all of it.
    """

    build: float = 0.0
    tools: float = 0.0
    start: float = 0.0
    imports: float = 0.0
    load: float = 0.0
    predict: float = 0.0
    total: float = 0.0

    @property
    def own(self) -> float:
        """What neither the tools nor Python, Keras and the model took."""
        return max(0.0, self.total - self.tools - self.start - self.imports - self.load - self.predict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One model in one environment.

    Attributes:
        environment: what to call it.
        result: how it ended.
        check: the verdict of the static check on what was installed, or on what was to be; None where it
            couldn't be asked.
        check_reason: the check's first error, or why it can't tell.
        problem: what went wrong, in words; empty where nothing did.
        places: where in packaged code, the innermost last.
        output: the last lines that the tool or the process printed.
        outputs: the model's outputs beside the golden ones.
        versions: of Python, Keras and its backend, as far as known.
        dropped: pins that can't go together with what was replaced, and what was installed instead.
        notes: what else there is to know.
        reused: the environment was there already.
        seconds: where the time went.
    """

    environment: str
    result: Result
    check: str | None = None
    check_reason: str = ""
    problem: str = ""
    places: tuple[str, ...] = ()
    output: str = ""
    outputs: tuple[Comparison, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    reused: bool = False
    seconds: Seconds = field(default_factory=Seconds)

    @property
    def largest(self) -> float | None:
        """The largest absolute difference of any output; None where no number was compared."""
        return max((item.absolute for item in self.outputs if item.absolute is not None), default=None)

    def to_dict(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "result": self.result.value,
            "seconds": {name: round(value, 3) for name, value in asdict(self.seconds).items()},
        }
