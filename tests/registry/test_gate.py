"""The decision: every demand, exemptions, versions without a signature, what isn't known, several guards."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from mlflow_kerasguard.environment.identity import facts_digest
from mlflow_kerasguard.findings import Verdict
from mlflow_kerasguard.model import Anomaly, Kind, Origin
from mlflow_kerasguard.registry.gate import Candidate, Outcome, decide
from mlflow_kerasguard.registry.policy import Demand, Exemption, Guard
from mlflow_kerasguard.registry.records import Record
from mlflow_kerasguard.source_identity import Provenance
from tests.builders import environment, model, ref, unknown_environment

NOW = datetime(2026, 5, 4, tzinfo=timezone.utc)
KEY = b"secret"
PROD = environment(source="prod")
OLD = environment(
    source="old",
    packages={"keras": "3.0.5", "tensorflow": "2.16.1"},
    classes={"keras.Sequential": "layers name trainable"},
)
ENVIRONMENTS = {"prod": PROD, "old": OLD, "unknown": unknown_environment()}

SOUND = model(ref("keras.layers.Dense", config={"units": 3, "name": "dense"}))
LAMBDA = ref("keras.layers.Lambda", config={}, kind=Kind.LAMBDA)


def candidate(spec=SOUND, **fields):
    signature = "ab" * 32 if spec is not None else None
    return Candidate(
        **{
            "model": "sum",
            "version": "7",
            "created": NOW - timedelta(days=2),
            "spec": spec,
            "signature": signature,
            **fields,
        }
    )


def guard(*require, **fields):
    defaults = {"models": ("*",), "aliases": ("champion",), "environments": ("prod",)}
    return Guard(**{**defaults, "require": require or (Demand.COMPATIBLE,), **_by_alias(fields)})


def _by_alias(fields):
    return {name.replace("_", "-"): value for name, value in fields.items()}


def decided(version, *guards, key=KEY):
    return decide(version, guards, ENVIRONMENTS.__getitem__, now=NOW, key=key)


def record(version, name="prod", **fields):
    values = {
        "model": version.model,
        "version": version.version,
        "signature": version.signature,
        "created": version.created.isoformat(),
        "environment": name,
        "environment_digest": facts_digest(ENVIRONMENTS[name]),
        "verdict": "compatible",
        "time": NOW.isoformat(),
        "by": "ann",
        "guard": "0.1",
    }
    return Record(**{**values, **fields})


def recorded(version=None, key=KEY, **fields):
    version = version or candidate()
    made = record(version, **fields)
    return replace(version, tags={made.tag: made.sealed(key)})


def test_without_guards_everything_passes():
    assert decided(candidate(None, unreachable="down")).outcome is Outcome.ALLOWED


def test_a_sound_model():
    decision = decided(candidate(), guard())
    assert (decision.outcome, decision.reasons) == (Outcome.ALLOWED, ())
    assert decision.reports["prod"].verdict is Verdict.COMPATIBLE


def test_an_incompatible_model():
    decision = decided(candidate(), guard(environments=("prod", "old")))
    assert decision.outcome is Outcome.REFUSED
    (reason,) = decision.reasons
    assert reason.startswith("it is incompatible in old (")
    assert "KG201" in reason
    assert "(to do: " in reason
    assert decision.reports["old"].verdict is Verdict.INCOMPATIBLE


def test_it_is_judged_on_the_backend_that_the_loader_takes_there(monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    both = environment(source="both", packages={"keras": "3.15.1", "tensorflow": "2.21.0", "jax": "0.7.0"})
    found = decide(candidate(replace(SOUND, backend="jax")), [guard()], lambda _: both, now=NOW, key=KEY)
    assert [finding.code for finding in found.reports["prod"].findings] == []


def test_an_unsafe_model():
    spec = replace(SOUND, anomalies=(Anomaly(kind="pickle-file", where="x.pkl", found="a pickle"),))
    decision = decided(candidate(spec), guard())
    assert decision.outcome is Outcome.REFUSED
    assert decision.reasons[0].startswith("it is unsafe to load in prod (")


def test_several_errors_are_counted():
    spec = model(ref("keras.layers.Gone"), ref("keras.layers.Lost"), ref("keras.layers.Missing"))
    assert ", and 2 more errors" in decided(candidate(spec), guard()).reasons[0]


def test_an_environment_about_which_nothing_is_known():
    decision = decided(candidate(), guard(environments=("unknown",)))
    assert decision.outcome is Outcome.UNDECIDED
    assert decision.reasons[0].startswith("it isn't known whether it loads in an unknown environment")


def test_a_refusal_outweighs_what_isnt_known():
    decision = decided(candidate(), guard(environments=("unknown", "old")))
    assert decision.outcome is Outcome.REFUSED
    assert len(decision.reasons) == 2


def test_a_store_that_doesnt_answer():
    decision = decided(candidate(None, unreachable="the store is down"), guard())
    assert (decision.outcome, decision.reasons) == (Outcome.UNDECIDED, ("the store is down",))


@pytest.mark.parametrize(
    ("require", "unsigned", "outcome"),
    [
        ((Demand.COMPATIBLE,), "refuse", Outcome.REFUSED),
        ((Demand.COMPATIBLE,), "pass", Outcome.ALLOWED),
        ((Demand.SIGNED,), "pass", Outcome.REFUSED),
    ],
)
@pytest.mark.parametrize("reason", ["another flavor logged it", None])
def test_without_a_signature(require, unsigned, outcome, reason):
    decision = decided(candidate(None, unsigned=reason), guard(*require, unsigned=unsigned))
    assert decision.outcome is outcome
    expected = reason or "it has no compatibility signature that can be read"
    assert decision.reasons == ((expected,) if outcome is Outcome.REFUSED else ())


def test_a_signature_that_cant_be_read_is_none():
    spec = replace(SOUND, anomalies=(Anomaly(kind="signature-unreadable", where="signature.json", found="damaged"),))
    damaged = candidate(spec, signature=None)
    assert decided(damaged, guard(Demand.SIGNED, environments=())).outcome is Outcome.REFUSED
    assert decided(damaged, guard(unsigned="pass")).outcome is Outcome.REFUSED


@pytest.mark.parametrize(("days", "outcome"), [(2, Outcome.ALLOWED), (1.9, Outcome.REFUSED)])
def test_age(days, outcome):
    decision = decided(candidate(), guard(max_age_days=days))
    assert decision.outcome is outcome
    assert all("it is 2 days old, and 1.9 are allowed" in reason for reason in decision.reasons)


def test_lambdas():
    for count, said in ((1, "it holds 1 lambda,"), (2, "it holds 2 lambdas,")):
        (reason,) = decided(candidate(model(*[LAMBDA] * count)), guard(Demand.NO_LAMBDA)).reasons
        assert reason.startswith(said)
    assert decided(candidate(), guard(Demand.NO_LAMBDA)).outcome is Outcome.ALLOWED


@pytest.mark.parametrize(
    ("origin", "reason"),
    [
        (Origin(), None),
        (Origin(provenance=Provenance(commit="a" * 40, modified=("x.py",))), None),
        (Origin(packaged_modules=frozenset({"x"}), provenance=Provenance(commit="a" * 40)), None),
        (Origin(packaged_modules=frozenset({"x"})), "its custom code is in no git repository"),
        (
            Origin(packaged_modules=frozenset({"x"}), provenance=Provenance(commit="a" * 40, modified=("x.py",))),
            "its custom code isn't that of commit aaaaaaaaaaaa: `x.py` differs",
        ),
    ],
)
def test_clean_commit(origin, reason):
    decision = decided(candidate(replace(SOUND, origin=origin)), guard(Demand.CLEAN_COMMIT))
    assert decision.reasons == ((reason,) if reason else ())


def test_an_exemption_lets_an_error_pass_and_is_told():
    exemption = Exemption(code="KG201", reason="patched there")
    unused = Exemption(code="KG710", reason="x")
    decision = decided(candidate(), guard(environments=("old",), allow=(exemption, unused)))
    assert decision.outcome is Outcome.ALLOWED
    assert decision.exempted == {"old": (exemption,)}
    assert decision.reports["old"].verdict is Verdict.COMPATIBLE


def test_an_exemption_of_what_isnt_known():
    spec = candidate()
    open_ones = decided(spec, guard(environments=("unknown",))).reports["unknown"].undecided
    allow = tuple(Exemption(code=code, reason="x") for code in {item.rule.code for item in open_ones})
    assert decided(spec, guard(environments=("unknown",), allow=allow)).outcome is Outcome.ALLOWED
    assert decided(spec, guard(environments=("unknown",), allow=allow[1:])).outcome is Outcome.UNDECIDED


def test_an_exemption_hides_no_warning():
    spec = replace(SOUND, anomalies=(Anomaly(kind="zip-comment", where="archive", found="a comment"),))
    decision = decided(candidate(spec), guard(allow=(Exemption(code="KG113", reason="x"),)))
    assert "KG113" in {finding.code for finding in decision.reports["prod"].findings}
    assert decision.exempted == {"prod": ()}


REHEARSED = (Demand.REHEARSED, Demand.GOLDEN_VERIFIED)


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({"rehearsed": True, "golden": True}, None),
        ({"rehearsed": True}, "golden-verified"),
        ({"golden": True}, "rehearsed"),
        ({}, "golden-verified nor rehearsed"),
        ({"rehearsed": True, "golden": True, "verdict": "incompatible"}, "golden-verified nor rehearsed"),
    ],
)
def test_what_was_seen(fields, missing):
    decision = decided(recorded(**fields), guard(*REHEARSED))
    if missing is None:
        assert decision.outcome is Outcome.ALLOWED
    else:
        assert decision.outcome is Outcome.REFUSED
        assert decision.reasons[0].startswith(f"it wasn't {missing} in `prod`; `kerasguard promote --rehearse`")


def test_nothing_was_ever_seen():
    assert decided(candidate(), guard(*REHEARSED)).outcome is Outcome.REFUSED


def test_one_environment_of_two():
    version = recorded(rehearsed=True)
    decision = decided(version, guard(Demand.REHEARSED, environments=("prod", "old")))
    assert [reason[:26] for reason in decision.reasons] == ["it wasn't rehearsed in `ol"]


SPOILT = {
    "another version": lambda version: replace(version, version="8"),
    "another model": lambda version: replace(version, model="other"),
    "younger": lambda version: replace(version, created=NOW - timedelta(days=1)),
    "other files": lambda version: replace(version, signature="cd" * 32),
    "edited": lambda version: replace(version, tags={k: v.replace("false", "true") for k, v in version.tags.items()}),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
@pytest.mark.parametrize("key", [None, KEY])
def test_a_record_that_doesnt_count(spoil, key):
    version = recorded(key=key, rehearsed=True)
    assert decided(version, guard(Demand.REHEARSED), key=key).outcome is Outcome.ALLOWED
    decision = decided(spoil(version), guard(Demand.REHEARSED), key=key)
    assert decision.outcome is Outcome.REFUSED
    assert decision.reasons[0].startswith("its record about `prod` doesn't count: it ")


def test_the_key_counts():
    assert decided(recorded(key=None, rehearsed=True), guard(Demand.REHEARSED)).outcome is Outcome.REFUSED
    assert decided(recorded(key=b"x", rehearsed=True), guard(Demand.REHEARSED)).outcome is Outcome.REFUSED
    assert decided(recorded(rehearsed=True), guard(Demand.REHEARSED), key=None).outcome is Outcome.REFUSED


def test_a_record_that_let_more_pass_than_the_guard_does():
    version = recorded(rehearsed=True, allowed=("KG201", "KG710"))
    allow = tuple(Exemption(code=code, reason="x") for code in ("KG201", "KG710"))
    assert decided(version, guard(Demand.REHEARSED, allow=allow)).outcome is Outcome.ALLOWED
    (reason,) = decided(version, guard(Demand.REHEARSED, allow=allow[:1])).reasons
    assert reason.startswith("its record about `prod` doesn't count: it let KG710 pass")


def test_every_guard_has_its_say():
    passes, refuses, doubts = guard(), guard(environments=("old",)), guard(environments=("unknown",))
    assert decided(candidate(), passes, passes).outcome is Outcome.ALLOWED
    assert decided(candidate(), passes, doubts).outcome is Outcome.UNDECIDED
    assert decided(candidate(), doubts, refuses, passes).outcome is Outcome.REFUSED
    assert set(decided(candidate(), passes, refuses).reports) == {"prod", "old"}


def test_one_reason_is_told_once():
    assert len(decided(candidate(), guard(environments=("old",)), guard(environments=("old",))).reasons) == 1


def test_without_demands_on_environments_none_is_read():
    def fails(name):
        raise AssertionError(name)

    decision = decide(candidate(), [guard(Demand.SIGNED)], fails, now=NOW)
    assert decision.outcome is Outcome.ALLOWED
