"""Requirements files in pip's format."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.against import read_environment
from mlflow_kerasguard.errors import UsageError

pytestmark = pytest.mark.usefixtures("made_up_history")


@pytest.mark.parametrize(
    ("text", "packages"),
    [
        ("# ours\nkeras==3.8.0  # the model's\n\n", {"keras": "3.8.0"}),
        (
            "keras==3.8.0 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\njax==0.5.0\n",
            {"keras": "3.8.0", "jax": "0.5.0"},
        ),
        ("--index-url https://example.org\n--pre\nkeras == 3.8.0\n", {"keras": "3.8.0"}),
        ("-e .\n./local\nhttps://example.org/x.tar.gz\nkeras==3.8.0", {"keras": "3.8.0"}),
        ("./wheels/keras-3.8.0-py3-none-any.whl", {"keras": "3.8.0"}),
        ("keras-3.8.0-py3-none-any.whl", {"keras": "3.8.0"}),
        ("--find-links ./keras-3.5.0-py3-none-any.whl\nkeras==3.8.0", {"keras": "3.8.0"}),
        ("keras==3.8.0\nhttps://example.org/keras_hub-0.1-py3-none-any.whl", {"keras": "3.8.0", "keras-hub": "0.1"}),
        ("keras[extra]==3.8.0 ; python_version >= '3'", {"keras": "3.8.0"}),
        ("keras==3.8.0\na==1.0\na==1.0+kg1", {"keras": "3.8.0", "a": "1.0+kg1"}),
        ("keras==${KERAS}", {"keras": "3.8.0"}),
        ("# a comment \\\nkeras==3.8.0", {"keras": "3.8.0"}),
        ("\ufeffkeras==3.8.0", {"keras": "3.8.0"}),
    ],
)
def test_read(tmp_path, monkeypatch, text, packages):
    monkeypatch.setenv("KERAS", "3.8.0")
    file = tmp_path / "requirements.txt"
    file.write_text(text, encoding="utf-8")
    env = read_environment(str(file))
    assert {name: distribution.version for name, distribution in env.distributions.items()} == packages
    assert env.read_keras_api("keras").version == "3.8.0"
    assert (env.source, env.complete) == (f"`{file}`", False)


def test_includes(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "requirements.txt").write_text("-r sub/more.txt\n--constraint=limits.txt\ntensorflow==2.18.1\n")
    (tmp_path / "sub" / "more.txt").write_text("numpy==2.1.0\n--requirement ../requirements.txt\n-rmore.txt\n")
    (tmp_path / "limits.txt").write_text("keras==3.8.0\njax==0.5.0\n")
    env = read_environment(tmp_path / "requirements.txt")
    # A constraint counts for what is installed, and Keras comes with TensorFlow; nothing brings JAX.
    assert {name: distribution.version for name, distribution in env.distributions.items()} == {
        "keras": "3.8.0",
        "numpy": "2.1.0",
        "tensorflow": "2.18.1",
    }


def test_a_source_archive_says_no_release(tmp_path):
    (tmp_path / "requirements.txt").write_text("git+https://example.org/k#subdirectory=a&egg=keras\n")
    env = read_environment(tmp_path / "requirements.txt")
    assert "line 1: it can't be told which release of `keras` that is" in env.unsettled["keras"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"numpy==2.1.0\nkeras=>3.8\n",
            ", line 2: `keras=>3.8` isn't a requirement; expected one such as `keras==3.8.0`",
        ),
        (b"jax\n\n-r gone.txt\n", ", line 3: there is no file `{folder}/gone.txt`; expected requirements"),
        (
            b"-c https://example.org/limits.txt\n",
            ", line 1: `https://example.org/limits.txt` isn't fetched; expected the path of a file",
        ),
        (b"# nothing\n", " holds no requirement; expected lines such as `keras==3.8.0`"),
        (b"keras==3.8.0\n\xff\n", ", line 2: byte 0xff isn't UTF-8; expected text"),
        (
            b"keras==3.8.0\nkeras<3.8\n",
            ", line 2: `keras<3.8` contradicts `keras==3.8.0` (`{folder}/requirements.txt`, line 1); expected one release",
        ),
        (
            b"jax\nkeras==3.8.7\n",
            ", line 2: there is no release 3.8.7 of `keras`; expected one such as `3.5.0`, `3.8.0`, `3.12.4`, `3.15.1`",
        ),
    ],
)
def test_bad_input(tmp_path, content, message):
    file = tmp_path / "requirements.txt"
    file.write_bytes(content)
    with pytest.raises(UsageError) as error:
        read_environment(str(file))
    assert str(error.value) == f"`{file}`{message.format(folder=tmp_path)}"


def test_a_huge_file(tmp_path, monkeypatch):
    from mlflow_kerasguard.environment import text_files

    monkeypatch.setattr(text_files, "_LIMIT", 1 << 20)
    (tmp_path / "requirements.txt").write_text("#" * (1 << 20) + "\n")
    with pytest.raises(UsageError, match="has more than 1 MiB"):
        read_environment(tmp_path / "requirements.txt")


def test_a_file_that_goes_away(tmp_path):
    from mlflow_kerasguard.environment.text_files import read_text

    with pytest.raises(UsageError) as error:
        read_text(tmp_path / "gone.txt")
    assert str(error.value) == f"`{tmp_path}/gone.txt` can't be read: No such file or directory"
