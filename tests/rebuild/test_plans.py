"""What is to be installed for a model, and what stands in place of what."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.rebuild.plans import AS_PINNED, read_plan, replaced, requirement_lines, without_lock

PINS = "keras==3.15.1\ntensorflow==2.20.0\nnumpy==2.3.5\nmlflow-kerasguard==0.1.0\n"


@pytest.fixture
def model(tmp_path):
    (tmp_path / "requirements.txt").write_text(PINS)
    (tmp_path / "python_env.yaml").write_text("python: 3.11.7\ndependencies:\n- -r requirements.txt\n")
    return tmp_path


def texts(plan):
    return [pin.text for pin in plan.pins]


def test_what_the_model_pins(model):
    plan = read_plan(model, "3.13.0")
    assert (plan.name, plan.python, plan.loosens) == (AS_PINNED, "3.11.7", False)
    assert texts(plan) == ["keras==3.15.1", "tensorflow==2.20.0", "numpy==2.3.5"], "this package comes otherwise"


def test_a_model_that_names_no_python(model):
    (model / "python_env.yaml").unlink()
    assert read_plan(model, "3.13.0").python == "3.13.0"


def test_the_python_of_a_conda_file(model):
    (model / "python_env.yaml").unlink()
    (model / "conda.yaml").write_text("dependencies:\n- python=3.10.4\n- pip:\n  - keras\n")
    assert read_plan(model, "3.13.0").python == "3.10.4"


@pytest.mark.parametrize(
    ("against", "expected", "python"),
    [
        ("keras==3.8.0", ["keras==3.8.0", "tensorflow==2.20.0", "numpy==2.3.5"], "3.11.7"),
        ("python==3.12", ["keras==3.15.1", "tensorflow==2.20.0", "numpy==2.3.5"], "3.12"),
        ("tensorflow-cpu==2.18.1", ["tensorflow-cpu==2.18.1", "keras==3.15.1", "numpy==2.3.5"], "3.11.7"),
        ("jax>=0.4,<0.5", ["jax<0.5,>=0.4", "keras==3.15.1", "tensorflow==2.20.0", "numpy==2.3.5"], "3.11.7"),
        (
            "Keras==3.8.0, numpy<2 python==3.10",
            ["keras==3.8.0", "numpy<2", "tensorflow==2.20.0"],
            "3.10",
        ),
        (
            'keras==3.8.0 ; python_version < "3.12"',
            ['keras==3.8.0; python_version < "3.12"', "tensorflow==2.20.0", "numpy==2.3.5"],
            "3.11.7",
        ),
    ],
)
def test_a_replaced_pin_replaces_the_same_distribution(model, against, expected, python):
    plan = replaced(read_plan(model, "3.13.0"), against)
    assert texts(plan) == expected
    assert plan.python == python
    assert plan.name == " ".join(against.split())


def test_what_was_asked_for_is_fixed_and_only_then_others_give_way(model):
    pinned = read_plan(model, "3.13.0")
    assert [pin.fixed for pin in replaced(pinned, "keras==3.8.0").pins] == [True, False, False]
    assert replaced(pinned, "keras==3.8.0").loosens
    assert replaced(pinned, "python==3.12").loosens, "what others require needn't hold for another Python"
    assert not replaced(pinned, "python==3.11 KERAS_BACKEND=jax").loosens


def test_variables_are_those_of_the_load(model):
    plan = replaced(read_plan(model, "3.13.0"), "jax==0.5.0 KERAS_BACKEND=jax")
    assert plan.variables == {"KERAS_BACKEND": "jax"}


def test_constraints_on_what_is_replaced_are_gone(model):
    (model / "constraints.txt").write_text("keras<4\nscipy<2\nmlflow-kerasguard<1\n")
    (model / "requirements.txt").write_text(f"{PINS}-c constraints.txt\n")
    pinned = read_plan(model, "3.13.0")
    assert pinned.constraints == ("keras<4", "scipy<2")
    assert replaced(pinned, "keras==3.8.0").constraints == ("scipy<2",)


@pytest.mark.parametrize(
    ("against", "message"),
    [
        ("keras=3", "isn't a requirement"),
        ("mlflow-kerasguard==0.0.1", "can't be replaced"),
        ("keras @ file:///keras.zip", "has to be a release of an index"),
        ("KERAS_BACKEND=jax", "names no distribution"),
    ],
)
def test_what_cant_be_replaced(model, against, message):
    with pytest.raises(UsageError, match=message):
        replaced(read_plan(model, "3.13.0"), against)


def test_options_files_and_wheels_of_a_model(model, tmp_path):
    (model / "wheels").mkdir()
    (model / "wheels" / "thing-1.0-py3-none-any.whl").write_bytes(b"wheel")
    (model / "wheels" / "mlflow_kerasguard-0.1.0+kg1-py3-none-any.whl").write_bytes(b"ours")
    (model / "more.txt").write_text("scipy==1.15.0 --hash=sha256:00\n")
    (model / "requirements.txt").write_text(
        "--extra-index-url https://index.example/simple\n--find-links=wheels\n--find-links gone\n-f wheels\n-f ..\n--pre\n"
        "./wheels/thing-1.0-py3-none-any.whl\n-rmore.txt\n-r more.txt\nkeras==3.15.1\n"
    )
    plan = read_plan(model, "3.13.0")
    assert texts(plan) == ["wheels/thing-1.0-py3-none-any.whl", "scipy==1.15.0", "keras==3.15.1"]
    assert plan.options == ("--extra-index-url https://index.example/simple", "--pre")
    assert [name for name, _ in plan.digests] == ["wheels/thing-1.0-py3-none-any.whl"]
    assert requirement_lines(plan, model) == [
        "--extra-index-url https://index.example/simple",
        "--pre",
        f"--find-links {model}/wheels",
        f"{model}/wheels/thing-1.0-py3-none-any.whl",
        "scipy==1.15.0",
        "keras==3.15.1",
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("-e .", "sources that don't travel with the model"),
        ("-r gone.txt", "the model has no file"),
        ("-r ../outside.txt", "the model has no file"),
        ("not a requirement", "line 1: `not a requirement` isn't a requirement"),
    ],
)
def test_lines_that_cant_be_installed(model, line, message):
    (model.parent / "outside.txt").write_text("keras\n")
    (model / "requirements.txt").write_text(line)
    with pytest.raises(UsageError, match=message):
        read_plan(model, "3.13.0")


def test_a_model_without_requirements(tmp_path):
    with pytest.raises(UsageError, match=r"has no `requirements.txt`"):
        read_plan(tmp_path, "3.13.0")


LOCK = """
lock-version = "1.0"
created-by = "tests"
[[packages]]
name = "keras"
version = "3.15.1"
[[packages]]
name = "mlflow-kerasguard"
version = "0.1.0"
[[packages]]
name = "numpy"
version = "2.3.5"
[[packages]]
name = "rich"
version = "14.0.0"
[[packages]]
name = "tensorflow"
version = "2.20.0"
"""
LOCKED = ["keras==3.15.1", "numpy==2.3.5", "rich==14.0.0", "tensorflow==2.20.0"]


def test_a_lock_is_preferred_while_nothing_is_replaced(model):
    (model / "pylock.toml").write_text(LOCK)
    pinned = read_plan(model, "3.13.0")
    assert texts(pinned) == LOCKED
    unlocked = without_lock(model, pinned)
    assert texts(replaced(pinned, "python==3.11", unlocked)) == LOCKED
    assert texts(replaced(pinned, "python==3.12", unlocked)) == texts(unlocked)
    assert texts(replaced(pinned, "keras==3.8.0", unlocked)) == ["keras==3.8.0", "tensorflow==2.20.0", "numpy==2.3.5"]


ADDED = {
    "another release": "numpy==2.0.0",
    "something new": "pandas",
    "something new in a range": "pandas>=2; python_version < '9'",
    "the same": "numpy>=2",
    "for another machine": "pandas; sys_platform == 'nowhere'",
    "from a URL": "rich @ https://example.org/rich-14.0.0-py3-none-any.whl",
}
LEFT_BEHIND = {"another release", "something new"}


@pytest.mark.parametrize("name", ADDED)
def test_a_lock_that_the_requirements_have_left_behind(name, model):
    lines = [line for line in PINS.splitlines() if not line.startswith(ADDED[name].split("==")[0])]
    (model / "requirements.txt").write_text("\n".join([*lines, ADDED[name]]))
    (model / "pylock.toml").write_text(LOCK)
    assert ("rich==14.0.0" not in texts(read_plan(model, "3.13.0"))) == (name in LEFT_BEHIND | {"from a URL"})


def test_what_a_lock_has_from_a_repository_is_installed_as_the_requirements_say(model):
    text = '[[packages]]\nname = "thing"\nvcs = { type = "git", url = "https://example/thing", commit-id = "00" }\n'
    (model / "pylock.toml").write_text(LOCK + text)
    (model / "requirements.txt").write_text(f"{PINS}thing @ git+https://example/thing@00\n")
    assert texts(read_plan(model, "3.13.0"))[0] == "thing @ git+https://example/thing@00"


def test_the_digest_is_that_of_what_is_installed(model):
    pinned = read_plan(model, "3.13.0")
    assert pinned.digest("uv") == read_plan(model, "3.13.0").digest("uv")
    assert replaced(pinned, "keras==3.8.0").digest() == replaced(pinned, "keras  == 3.8.0").digest()
    others = [
        pinned.digest("conda"),
        *(replaced(pinned, text).digest("uv") for text in ("keras==3.8.0", "python==3.12")),
    ]
    assert len({pinned.digest("uv"), *others}) == 4


def test_the_digest_covers_wheels_that_travel_along(model):
    wheel = model / "thing-1.0-py3-none-any.whl"
    wheel.write_bytes(b"one")
    (model / "requirements.txt").write_text(wheel.name)
    before = read_plan(model, "3.13.0").digest()
    wheel.write_bytes(b"other")
    assert read_plan(model, "3.13.0").digest() != before
