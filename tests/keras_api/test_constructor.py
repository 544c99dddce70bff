"""What a constructor does with its arguments, as one table."""

from __future__ import annotations

import ast
import textwrap

import pytest

from mlflow_kerasguard.keras_api.constructor import Forward, read_constructor
from mlflow_kerasguard.keras_api.from_config import read_from_config


def function(source):
    return ast.parse(textwrap.dedent(source)).body[0]


SWALLOWED = {"takes_kwargs": True, "forwards": (), "rejects_rest": False, "unknown": None}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "def __init__(self, units, *, name=None, key): pass",
            {
                "parameters": {"units", "name", "key"},
                "required": {"units", "key"},
                "positional": ("units",),
                "takes_kwargs": False,
            },
        ),
        ("def __init__(self, **kwargs): pass", SWALLOWED),
        (
            "def __init__(self, a=1, **kwargs):\n    super().__init__(a, name='x', **kwargs)",
            {"forwards": (Forward(keywords=frozenset({"name"}), positional=1),)},
        ),
        (
            "def __init__(self, *args, **kwargs):\n    super().__init__(*args, **kwargs)",
            {"forwards": (Forward(passes_args=True),)},
        ),
        (
            "def __init__(self, **kw):\n    Base.__init__(self, 1, **kw)",
            {"forwards": (Forward(base="Base", positional=1),)},
        ),
        (
            "def __init__(self, **kwargs):\n    a = kwargs.pop('a', None)\n    b = kwargs['b']\n    if kwargs:\n        raise ValueError",
            {"popped": {"a", "b"}, "rejects_rest": True, "forwards": ()},
        ),
        (
            "def __init__(self, **kwargs):\n    allowed = {'x', 'y'}\n    validate_kwargs(kwargs, allowed)",
            {"allowed": {"x", "y"}, "rejects_rest": True},
        ),
        (
            "def __init__(self, **kwargs):\n    for k in kwargs:\n        if k not in ['x']:\n            raise TypeError",
            {"allowed": {"x"}, "rejects_rest": True},
        ),
        (
            "def __init__(self, **kwargs):\n    self.options = dict(**kwargs)",
            {"unknown": "`**kwargs` goes into `dict`"},
        ),
        (
            "def __init__(self, **kwargs):\n    names = frozenset(['p', 'q'])\n    kwargs.pop(names)",
            {"popped": {"p", "q"}},
        ),
    ],
)
def test_constructor(source, expected):
    found = read_constructor(function(source))
    for name, value in expected.items():
        assert getattr(found, name) == value, name


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def from_config(cls, config): return cls(**config)", {"constructs": Forward(), "dropped": set()}),
        (
            "def from_config(cls, config):\n    layer = get(config.pop('layer'))\n    return cls(layer, extra=1, **config)",
            {"dropped": {"layer"}, "constructs": Forward(positional=1, keywords=frozenset({"extra"}))},
        ),
        (
            "def from_config(cls, config):\n    config = config.copy()\n    config['fn'] = get(config['fn'])\n    return super().from_config(config)",
            {"supplied": {"fn"}, "calls_super": True, "reads_only_what_it_knows": False},
        ),
        (
            "def from_config(cls, config):\n    c = {**config}\n    del c['old']\n    c.update(new=1)\n    return cls(**c)",
            {"dropped": {"old"}, "supplied": {"new"}, "constructs": Forward()},
        ),
        (
            "def from_config(cls, config):\n    return cls(config['a'])",
            {"reads_only_what_it_knows": True, "constructs": None},
        ),
        (
            "def from_config(cls, config):\n    return functional_from_config(cls, config)",
            {"reads_only_what_it_knows": True},
        ),
        (
            "def from_config(cls, config):\n    f = cls._parse(config, 'function', 'module')\n    return cls(**config)",
            {"dropped": {"function", "module"}},
        ),
        ("def from_config(cls): return cls()", {"reads_only_what_it_knows": True}),
    ],
)
def test_from_config(source, expected):
    found = read_from_config(function(source))
    for name, value in expected.items():
        assert getattr(found, name) == value, name


OPTIMIZER = """
class Optimizer:
    def __init__(self, name, **kwargs):
        self._process_kwargs(kwargs)

    def _process_kwargs(self, options):
        options.pop("is_legacy_optimizer", None)
        for k in options:
            if k in {legacy}:
                {first}
            else:
                raise TypeError(k)
"""


@pytest.mark.parametrize(
    ("first", "allowed"), [("warn(k)", {"lr", "decay"}), ("raise ValueError(k)", set())], ids=["warns", "refuses"]
)
def test_a_method_that_looks_through_the_rest(first, allowed):
    source = OPTIMIZER.replace("{legacy}", '{"lr", "decay"}').replace("{first}", first)
    init, method = ast.parse(source).body[0].body
    constructor = read_constructor(init, {"_process_kwargs": method}.get)
    assert constructor.popped == {"is_legacy_optimizer"}
    assert constructor.allowed == allowed
    assert constructor.rejects_rest


def test_a_method_that_is_not_there_says_nothing():
    init = ast.parse(OPTIMIZER.replace("{legacy}", "()").replace("{first}", "pass")).body[0].body[0]
    assert read_constructor(init) == read_constructor(init, {}.get)
    assert not read_constructor(init).rejects_rest
