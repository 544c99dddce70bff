"""What a team demands of models in its registry: a TOML file, read into values.

Patterns are those of :mod:`fnmatch`, and take no notice of case: some databases don't either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator


class Demand(str, Enum):
    """What a guard can ask of a version.

    Attributes:
        COMPATIBLE: it loads in each environment and predicts the same.
        SIGNED: it carries an intact compatibility signature.
        NO_LAMBDA: nothing in it is stored as Python bytecode.
        CLEAN_COMMIT: its custom code is that of a git commit, unchanged.
        REHEARSED: it was really loaded in each environment, by ``kerasguard promote --rehearse``.
        GOLDEN_VERIFIED: it gave the predictions there that were kept when it was logged.
    """

    COMPATIBLE = "compatible"
    SIGNED = "signed"
    NO_LAMBDA = "no-lambda"
    CLEAN_COMMIT = "clean-commit"
    REHEARSED = "rehearsed"
    GOLDEN_VERIFIED = "golden-verified"


#: Demands that are about an environment, and so need one.
IN_ENVIRONMENTS = frozenset({Demand.COMPATIBLE, Demand.REHEARSED, Demand.GOLDEN_VERIFIED})

_Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
_Stage = Literal["None", "Staging", "Production", "Archived"]


class _Table(BaseModel):
    """A table of the file: what isn't known in it is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=lambda name: name.replace("_", "-"))


class Exemption(_Table):
    """A finding that doesn't count, with the reason why.

    Attributes:
        code: of the rule, such as ``KG113``.
        reason: for whoever reads the verdict.
    """

    code: Annotated[str, StringConstraints(pattern=r"^KG\d{3}$")]
    reason: _Text


class Guard(_Table):
    """What is demanded where.

    Attributes:
        models: patterns of registered models' names.
        aliases: patterns of aliases that only a version may get which passes.
        stages: likewise.
        versions: whether each version that is made there has to pass, by copying or otherwise.
        environments: names of the environments that serve it.
        require: what a version has to fulfil.
        max_age_days: how old a version may be; None for any age.
        unsigned: what becomes of a version without a compatibility signature.
        allow: findings that don't count.
    """

    models: tuple[_Text, ...] = Field(min_length=1)
    aliases: tuple[_Text, ...] = ()
    stages: tuple[_Stage, ...] = ()
    versions: bool = False
    environments: tuple[_Text, ...] = ()
    require: frozenset[Demand] = frozenset({Demand.COMPATIBLE})
    max_age_days: Annotated[float, Field(gt=0)] | None = None
    unsigned: Literal["refuse", "pass"] = "refuse"
    allow: tuple[Exemption, ...] = ()

    @model_validator(mode="after")
    def _is_meaningful(self) -> Guard:
        if not (self.aliases or self.stages or self.versions):
            raise ValueError("it guards nothing: give `aliases`, `stages` or `versions = true`")
        wanting = sorted(demand.value for demand in self.require & IN_ENVIRONMENTS)
        if wanting and not self.environments:
            raise ValueError(f"`{wanting[0]}` is demanded, and `environments` doesn't say where")
        return self

    def is_about(self, model: str) -> bool:
        """Whether a registered model is meant."""
        return _matches(model, self.models)


@lru_cache(maxsize=4096)
def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name.casefold(), pattern.casefold()) for pattern in patterns)


class PolicyTable(_Table):
    """The whole table, as the file has it."""

    environments: Mapping[_Text, _Text] = {}
    guard: tuple[Guard, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The guards of a registry.

    Attributes:
        source: the file; its directory is what relative paths in it are relative to.
        environments: name to whatever ``--against`` takes.
        guards: all that apply have to be satisfied.
    """

    source: Path
    environments: Mapping[str, str]
    guards: tuple[Guard, ...]

    def of_alias(self, model: str, alias: str) -> tuple[Guard, ...]:
        """The guards of an alias of a registered model."""
        return tuple(guard for guard in self.guards if guard.is_about(model) and _matches(alias, guard.aliases))

    def of_stage(self, model: str, stage: str) -> tuple[Guard, ...]:
        """The guards of a stage of a registered model."""
        return tuple(guard for guard in self.guards if guard.is_about(model) and _matches(stage, guard.stages))

    def of_versions(self, model: str) -> tuple[Guard, ...]:
        """The guards of every version of a registered model."""
        return tuple(guard for guard in self.guards if guard.is_about(model) and guard.versions)
