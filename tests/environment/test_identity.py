"""The identity of an environment: what changes it, and what doesn't."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from mlflow_kerasguard.against import read_environment
from mlflow_kerasguard.environment import Distribution, identity
from mlflow_kerasguard.environment.identity import environment_digest
from mlflow_kerasguard.environment.installed import installed
from mlflow_kerasguard.packable import Packable
from tests.builders import environment, unknown_environment

CHANGES = {
    "python": {"python": "3.12.1"},
    "no python": {"python": None},
    "platform": {"platform": "darwin"},
    "release": {"packages": {"keras": "3.15.0", "tensorflow": "2.21.0"}},
    "requirement": {
        "packages": {"keras": Distribution(name="keras", version="3.15.1", requires=("h5py",)), "tensorflow": "2.21.0"}
    },
    "python of a distribution": {
        "packages": {
            "keras": Distribution(name="keras", version="3.15.1", requires_python=">=3.11"),
            "tensorflow": "2.21.0",
        }
    },
    "another distribution": {"packages": {"keras": "3.15.1", "tensorflow": "2.21.0", "h5py": "3.12"}},
    "unsettled": {"unsettled": {"h5py": "not pinned"}},
    "incomplete": {"complete": False},
    "backend": {"configured_backend": "jax"},
    "legacy": {"legacy_keras": True},
    "registered": {"registered_objects": frozenset({"a>B"})},
    "packable": {"packable": Packable(prefix="/opt/conda")},
}


@pytest.mark.parametrize("fields", CHANGES.values(), ids=CHANGES)
def test_what_a_verdict_can_depend_on_changes_it(fields):
    assert environment_digest(environment(**fields)) != environment_digest(environment())


def test_it_is_a_sha_256():
    digest = environment_digest(environment())
    assert len(bytes.fromhex(digest)) == 32
    assert digest == digest.lower()


SAME = {
    "its name": (environment(), environment(source="the same elsewhere")),
    "order": (
        environment(packages={"keras": "3.15.1", "h5py": "3.12"}),
        environment(packages={"h5py": "3.12", "keras": "3.15.1"}),
    ),
    "reason": (environment(unsettled={"h5py": "a.txt: open"}), environment(unsettled={"h5py": "b.txt: open"})),
    "nothing known": (unknown_environment(), unknown_environment(source="another")),
}


@pytest.mark.parametrize(("first", "second"), SAME.values(), ids=SAME)
def test_what_none_depends_on_leaves_it_alone(first, second):
    assert environment_digest(first) == environment_digest(second)


def test_the_release_of_a_keras_without_metadata_counts():
    bare = environment(packages={"keras": "3.15.1"})
    other = environment(packages={"keras": "3.15.0"})
    without = replace(bare, distributions={})
    assert environment_digest(without) != environment_digest(replace(other, distributions={}))


def test_other_rules_make_another_environment(tmp_path, monkeypatch):
    package = tmp_path / "package"
    (package / "rules").mkdir(parents=True)
    rule, command = package / "rules" / "graph.py", package / "cli.py"
    rule.write_text("LIMIT = 1\n")
    command.write_text("print(1)\n")
    monkeypatch.setattr(identity, "_PACKAGE", package)

    def digest():
        identity._judges_digest.cache_clear()
        return environment_digest(environment())

    first = digest()
    command.write_text("print(2)\n")
    assert digest() == first
    rule.write_text("LIMIT = 2\n")
    second = digest()
    monkeypatch.setattr(identity, "__version__", "9.9")
    assert len({first, second, digest()}) == 3
    identity._judges_digest.cache_clear()


def test_another_process_gives_the_same():
    code = (
        "from mlflow_kerasguard.against import read_environment\n"
        "from mlflow_kerasguard.environment.identity import environment_digest\n"
        "print(environment_digest(read_environment('keras==3.8.0 tensorflow==2.18.1 python==3.11')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    here = environment_digest(read_environment("keras==3.8.0 tensorflow==2.18.1 python==3.11"))
    assert done.stdout.strip() == here
    assert here != environment_digest(read_environment("keras==3.8.0 tensorflow==2.18.1 python==3.12"))


def test_of_this_interpreter():
    assert environment_digest(installed()) == environment_digest(replace(installed(), source="elsewhere"))
