"""Promotions: what was decided and done, for people, machines and to pass on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mlflow_kerasguard.registry.gate import Outcome
from mlflow_kerasguard.registry.promoted import Held, Kind, Promotion
from mlflow_kerasguard.reports import text
from mlflow_kerasguard.reports.outcomes import render_text as render_outcomes

#: Layout of the JSON. Raise it when a key changes or goes.
SCHEMA_VERSION = 1


#: Of a reason: it may name many things that are long themselves.
_LONGEST = 4000


def render_text(promotion: Promotion) -> str:
    """What became of it, why, and the reports of environments that refuse or leave something open."""
    blocks = [
        [headline(promotion)],
        [*text.fields(_facts(promotion)), *_against(promotion), *_stored(promotion)],
        [line for reason in promotion.reasons for line in text.wrap(reason, first="- ", indent="  ", longest=_LONGEST)],
        [line for note in promotion.notes for line in text.wrap(note, first="note: ", indent="  ")],
        *([text.render(held.report)] for held in promotion.environments if not held.report.ok),
        *_loads(promotion),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def render_json(promotion: Promotion) -> str:
    """The same as JSON in ASCII."""
    return json.dumps({"schema_version": SCHEMA_VERSION, **promotion.to_dict()}, indent=2)


def render_html(promotion: Promotion) -> str:
    """The same as a page that needs no other file."""
    from mlflow_kerasguard.reports.page import render_page

    environments = [
        {
            "name": text.plain(held.environment),
            "ok": held.report.ok,
            "said": said(held),
            "report": text.render(held.report),
        }
        for held in promotion.environments
    ]
    return render_page(
        "promotion.html",
        title=headline(promotion),
        facts={label: text.plain(value) for label, value in _facts(promotion).items()},
        reasons=[text.plain(reason) for reason in promotion.reasons],
        notes=[text.plain(note) for note in promotion.notes],
        environments=environments,
        loads="\n".join(line for block in _loads(promotion) for line in block),
    )


PROMOTION_FORMATS: Mapping[str, Callable[[Promotion], str]] = {
    "text": render_text,
    "json": render_json,
    "html": render_html,
}


def render_by_server(said: str, outcome: Outcome, format: str) -> str:
    """What the server says where it doesn't do what was allowed here.

    Args:
        said: its reason.
        outcome: its decision: refused, or undecided.
        format: one of ``PROMOTION_FORMATS``.
    """
    title, reason = f"{_REFUSED[outcome]} by the server", text.plain(said, _LONGEST)
    if format == "json":
        return json.dumps(
            {"schema_version": SCHEMA_VERSION, "outcome": outcome.value, "by_server": True, "reasons": [said]},
            indent=2,
        )
    if format == "html":
        from mlflow_kerasguard.reports.page import render_page

        nothing: dict[str, Any] = {"facts": {}, "notes": [], "environments": [], "loads": ""}
        return render_page("promotion.html", title=title, reasons=[reason], **nothing)
    return "\n".join(text.wrap(reason, first=f"{title}: ", indent="", longest=_LONGEST))


_REFUSED = {Outcome.REFUSED: "REFUSED", Outcome.UNDECIDED: "UNDECIDED"}


def headline(promotion: Promotion) -> str:
    """The whole in a line."""
    uri, target = text.plain(promotion.uri), text.plain(str(promotion.target))
    if promotion.made is not None:
        return f"PROMOTED: {uri} is version {promotion.made} of `{text.plain(promotion.target.name)}`"
    if promotion.done:
        return f"PROMOTED: {uri} has {target}"
    if promotion.outcome is Outcome.ALLOWED:
        return f"ALLOWED: {uri} may become {target}" if _is_copy(promotion) else f"ALLOWED: {uri} may have {target}"
    verb = "become" if _is_copy(promotion) else "get"
    return f"{_REFUSED[promotion.outcome]}: {uri} doesn't {verb} {target}; nothing was changed"


def _is_copy(promotion: Promotion) -> bool:
    return promotion.target.kind is Kind.COPY


def _facts(promotion: Promotion) -> dict[str, str]:
    facts = {
        "policy": promotion.policy or "",
        "before": f"version {promotion.before}" if promotion.before else "",
        "signature": f"sha256:{promotion.signature}" if promotion.signature else "none",
        "by": f"{promotion.by}, {promotion.time}",
    }
    return {label: value for label, value in facts.items() if value}


def _stored(promotion: Promotion) -> list[str]:
    """A URI is there to be copied: its line isn't wrapped."""
    return [f"report     {text.plain(promotion.stored)}"] if promotion.stored else []


def _against(promotion: Promotion) -> list[str]:
    first, following = "against    ", " " * len("against    ")
    return [
        line
        for number, held in enumerate(promotion.environments)
        for line in text.wrap(f"{held.environment}: {said(held)}", first=following if number else first)
    ]


def said(held: Held) -> str:
    """What is known of a version in an environment, in a few words."""
    seen = ["rehearsed"] * held.rehearsed + ["same predictions"] * held.golden
    passed = [f"{item.code} doesn't count ({item.reason})" for item in held.exempted]
    safe = [] if held.report.safe else ["unsafe"]
    return ", ".join([held.report.verdict.value, *safe, *seen, *passed])


def _loads(promotion: Promotion) -> Iterator[list[str]]:
    """What came of loads, where some went wrong."""
    outcomes = list(promotion.rehearsals.values())
    if any(not outcome.result.is_good for outcome in outcomes):
        yield [render_outcomes(promotion.uri, outcomes)]
