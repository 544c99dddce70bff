"""The rules themselves as text: for ``kerasguard rules``, ``kerasguard explain`` and the README."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from mlflow_kerasguard.findings import Level, Rule
from mlflow_kerasguard.reports.text import WIDTH


def explain(rule: Rule) -> str:
    """One rule: code, level, title, why, and what a finding does to the verdict."""
    why = textwrap.fill(rule.why, WIDTH, break_on_hyphens=False)
    return "\n\n".join([f"{rule.code} ({rule.level}): {rule.title}", why, _effect(rule)])


def _effect(rule: Rule) -> str:
    makes = ["incompatible"] * rule.prevents_loading + ["unsafe to load"] * (rule.family == "KG1")
    if rule.level is not Level.ERROR or not makes:
        return "A finding does not bear on the verdict."
    return f"A finding makes the model {' and '.join(makes)}."


def render_text(rules: Iterable[Rule]) -> str:
    """One line for each rule."""
    return "\n".join(f"{rule.code}  {rule.level:<7}  {rule.title}" for rule in rules)


def render_json(rules: Iterable[Rule]) -> str:
    """A list of objects with ``code``, ``level``, ``title``, ``why`` and ``prevents_loading``."""
    fields = ("code", "title", "why", "prevents_loading")
    rows = [{"level": rule.level.value, **{field: getattr(rule, field) for field in fields}} for rule in rules]
    return json.dumps(rows, indent=2)


def render_markdown(rules: Iterable[Rule]) -> str:
    """A table, as the README has it."""
    rows = (f"| {rule.code} | {rule.level} | {rule.title} | {rule.why} |" for rule in rules)
    return "\n".join(["| Code | Level | What is wrong | Why it matters |", "|---|---|---|---|", *rows])


#: Name of a format to its renderer of the list of rules.
CATALOGUES: Mapping[str, Callable[[Iterable[Rule]], str]] = MappingProxyType(
    {"text": render_text, "json": render_json, "markdown": render_markdown}
)
