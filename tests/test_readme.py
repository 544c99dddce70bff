"""The README: each block in it runs, and what is generated is up to date.

A comment in front of a block says what is special about it:
``set up: …`` is for people with an empty machine (the example has a test of its own, and the other is
what continuous integration runs); ``runs in the background`` is a server; what ``builds environments`` takes
minutes, and is what ``tests/live/test_rebuild.py`` does; ``needs a conda environment`` is what
``tests/live/test_packing.py`` does; what ``serves a registry`` is what ``tests/live/test_registry_server.py`` does;
what ``serves until it is ended`` is in ``tests/live/test_starting.py``, and what
``needs Spark`` in ``tests/live/test_spark.py``. Of a Kubernetes manifest the command of the init container is run.
"""

from __future__ import annotations

import doctest
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from mlflow_kerasguard.cli import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")

BLOCK = re.compile(
    r"(?:^<!-- (?P<note>[^\n]+) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)

#: Printed between two blocks, so that the output of each can be told apart.
MARK = "@@@ next block"


@dataclass(frozen=True, kw_only=True)
class Block:
    note: str
    language: str
    text: str

    @property
    def commands(self) -> str:
        """The block as shell commands."""
        if self.language == "yaml":
            return f"{shlex.join(_init_container(self.text)['command'])}\n"
        if self.language == "python":
            return f"python - <<'END'\n{self.text}END\n"
        if self.language == "console":
            return "".join(line[2:] for line in self.text.splitlines(keepends=True) if line.startswith("$ "))
        if self.note == "runs in the background":
            return f"{self.text.strip()} > server.log 2>&1 &\n{AWAIT_SERVER}"
        return self.text

    @property
    def expected(self) -> str:
        """What the block shows as output; ``...`` stands for anything."""
        if self.language != "console":
            return "...\n"
        return "".join(line for line in self.text.splitlines(keepends=True) if not line.startswith("$ "))


def _init_container(manifest: str) -> dict:
    return yaml.safe_load(manifest)["spec"]["template"]["spec"]["initContainers"][0]


AWAIT_SERVER = """\
until (echo > /dev/tcp/127.0.0.1/5000) 2> /dev/null; do
    kill -0 $! || { cat server.log; exit 1; }
    sleep 0.5
done
"""

BLOCKS = [
    Block(note=found["note"] or "", language=found["language"], text=found["text"]) for found in BLOCK.finditer(README)
]
SETUPS = {block.note: block.text.strip() for block in BLOCKS if block.note.startswith("set up")}
ELSEWHERE = {
    *SETUPS,
    "builds environments",
    "needs a conda environment",
    "serves a registry",
    "serves until it is ended",
    "needs Spark",
}
RUN_HERE = [block for block in BLOCKS if block.note not in ELSEWHERE]


def test_no_block_escapes():
    assert README.count("\n```") == 2 * len(BLOCKS)
    assert {block.language for block in BLOCKS} <= {"python", "bash", "console", "yaml"}


def test_rule_table_is_up_to_date(capsys):
    main(["rules", "--format", "markdown"])
    inside = re.search(r"<!-- rules: .* -->\n(.*)<!-- /rules -->", README, re.DOTALL)[1]
    assert inside == capsys.readouterr().out, "paste the output of: kerasguard rules --format markdown"


def test_continuous_integration_runs_the_setup_command():
    assert SETUPS["set up: tests"] in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_the_example_is_the_one_with_a_test():
    assert SETUPS["set up: example"].endswith(" .venv/bin/python examples/digits.py")


def test_the_manifest_checks_what_it_serves_where_it_serves_it():
    (manifest,) = (block.text for block in BLOCKS if block.language == "yaml")
    check = _init_container(manifest)
    (serve,) = yaml.safe_load(manifest)["spec"]["template"]["spec"]["containers"]
    assert (check["image"], check["env"]) == (serve["image"], serve["env"])
    assert serve["command"][:4] == ["mlflow", "models", "serve", "-m"]
    assert check["command"][-1] == serve["command"][4]
    assert str(serve["readinessProbe"]["httpGet"]["port"]) == serve["command"][-1]


@pytest.mark.live
def test_every_block_runs(tmp_path):
    outputs = _run(RUN_HERE, tmp_path)
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    wrong = [
        f"{block.text}\ngave\n{output}"
        for block, output in zip(RUN_HERE, outputs, strict=True)
        if not doctest.OutputChecker().check_output(block.expected, output, options)
    ]
    assert not wrong, "\n\n".join(wrong)


def _run(blocks: list[Block], directory: Path) -> list[str]:
    """The output of each block: all of them in one shell, as a reader would type them."""
    script = f"echo '{MARK}'\n".join(block.commands for block in blocks)
    script = re.sub(r"\b5000\b", str(_free_port()), script)
    errors = directory / "stderr.log"
    with errors.open("w") as stream:
        shell = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=directory,
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
            start_new_session=True,
        )
    try:
        output, _ = shell.communicate(timeout=900)
    finally:
        _end(shell.pid)
    assert shell.returncode == 0, output + errors.read_text()
    return output.split(f"{MARK}\n")


def _environment() -> dict[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    # MLflow puts into this process's what other tests have chosen.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    return {**kept, "PATH": path}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _end(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGTERM)
