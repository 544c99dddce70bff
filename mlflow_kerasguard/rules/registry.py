"""How a rule is declared, and the registry of all rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import Level, Mismatch, Rule
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.model import ModelSpec

#: A rule yields what it found, and an ``Unknown`` (it may also raise one) for each thing that it
#: would have had to know; what isn't known of one object doesn't hide what is wrong with the next.
Judge = Callable[[ModelSpec, Environment], Iterator[Mismatch | Unknown]]

#: Codes that were used once and never may be again.
RETIRED_CODES: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredRule:
    """A rule and the function that judges."""

    rule: Rule
    judge: Judge


#: Every rule by code. Filled by the imports in :mod:`mlflow_kerasguard.rules`.
RULES: dict[str, RegisteredRule] = {}


def rule(
    code: str, level: Level, *, title: str, why: str, prevents_loading: bool | None = None
) -> Callable[[Judge], Judge]:
    """Declare the decorated function as a rule.

    Args:
        code: permanent; ``KG`` and three digits.
        level: of all its findings.
        title: what is wrong, in one line; lowercase, no final stop.
        why: why it matters. An argument, not the docstring: ``python -OO`` removes docstrings.
        prevents_loading: whether its errors decide the verdict; by default all but family KG1xx do.

    Raises:
        ValueError: the code is taken or retired.
    """
    if code in RULES or code in RETIRED_CODES:
        raise ValueError(f"rule code {code} is taken")
    if prevents_loading is None:
        prevents_loading = not code.startswith("KG1")
    static = Rule(code=code, level=level, title=title, why=why, prevents_loading=prevents_loading)

    def register(judge: Judge) -> Judge:
        RULES[code] = RegisteredRule(rule=static, judge=judge)
        return judge

    return register
