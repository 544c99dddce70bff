"""Real environments, built from what a model pins; what is downloaded stays in uv's cache."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import sign_again

pytestmark = [
    pytest.mark.live,
    pytest.mark.filterwarnings("ignore::UserWarning:mlflow"),
]

NEWEST, OLDER = "as pinned", "keras==3.8.0"
#: Sleeps where it doesn't run in this very environment, as code that waits for something at home does.
HANGS = "import sys, time\nif 'environments' in sys.prefix:\n    time.sleep(600)\n"


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("environments")


def rehearse(model: Path, cache: Path, *options: str) -> tuple[subprocess.CompletedProcess[str], list[dict]]:
    command = [sys.executable, "-m", "mlflow_kerasguard", "rehearse", model, "--cache", cache, "--format", "json"]
    # uv doesn't look where pip is told to look; wheels that are only there count as well.
    links = {"UV_FIND_LINKS": os.environ.get("PIP_FIND_LINKS", "").replace(" ", ",")}
    environment = {**os.environ, **{name: value for name, value in links.items() if value}}
    done = subprocess.run([*map(str, command), *options], capture_output=True, text=True, timeout=600, env=environment)
    return done, json.loads(done.stdout)["environments"] if done.stdout.startswith("{") else []


def test_real_environments_beside_the_check(logged, cache):
    """As pinned, with a Keras that lacks what the model uses, and with one that nobody has."""
    options = [part for against in ("", OLDER, "keras==99.0") for part in ("--against", against)]
    done, (pinned, older, missing) = rehearse(logged, cache, *options)
    assert done.returncode == 1, done.stderr
    assert (pinned["result"], pinned["check"], pinned["problem"]) == ("same predictions", "compatible", "")
    assert pinned["dropped"] == []
    assert (older["result"], older["check"]) == ("fails", "incompatible")
    assert older["versions"]["keras"] == "3.8.0"
    assert "quantization_config" in older["problem"]
    assert any(item.startswith("tensorflow==") for item in older["dropped"]), "it needs a newer Keras"
    assert missing["result"] == "not built"
    assert "keras==99.0" in missing["output"]
    assert done.stderr.splitlines()[0] == f"{NEWEST}: building the environment ..."

    made = sorted(cache.iterdir())
    done, [again] = rehearse(logged, cache)
    assert (done.returncode, again["reused"], again["result"]) == (0, True, "same predictions")
    assert sorted(cache.iterdir()) == made, "nothing was built"


def test_a_load_that_never_returns_elsewhere(logged, cache):
    code = next(logged.rglob("scale_layers.py"))
    code.write_text(HANGS + code.read_text())
    sign_again(logged)
    started = time.monotonic()
    done, [outcome] = rehearse(logged, cache, "--time-limit", "25")
    assert (done.returncode, outcome["result"]) == (1, "timed out")
    assert "25 seconds" in outcome["problem"]
    assert time.monotonic() - started < 90


def test_a_requirement_that_nobody_has(logged, cache):
    file = logged / "requirements.txt"
    file.write_text(f"{file.read_text()}\nno-such-distribution-of-anybody==1.0\n")
    done, [outcome] = rehearse(logged, cache)
    assert (done.returncode, outcome["result"]) == (3, "not built")
    assert "no-such-distribution-of-anybody" in outcome["output"]
    assert "Traceback" not in done.stderr
