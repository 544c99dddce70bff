"""What an error of Keras names: the innermost class or key at which loading stopped.

Keras wraps errors: "<class Functional> could not be deserialized … Exception encountered: Error when
deserializing class 'Dense' … Exception encountered: Unrecognized keyword arguments passed to Dense:
{'lora_rank': 2}". The last part says what was wrong; the parts before it say in what.
"""

from __future__ import annotations

import re

#: What holds the layers isn't the reason, however often the error names it.
CONTAINERS = frozenset({"Functional", "Sequential", "Model"})

_NEXT = "Exception encountered: "

#: The place where the record shortened the text.
_CUT = "[…]"

#: A name, as Keras quotes it: `Dense`, `Custom>Adam`, `keras.metrics.mse`.
_NAME = r"[\"'`]?([\w.>]+?)[\"'`]?"

#: Shapes of messages that name a class, a function or a layer; the groups are the names.
_OBJECTS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"Could not locate (?:class|function) {_NAME}\.",
        rf"Could not deserialize (?:class )?{_NAME} because",
        rf"Unknown (?:layer|optimizer|initializer|regularizer|constraint|object|(?:\w+ )?function): ?{_NAME}(?:\.|$| )",
        r"Could not interpret [\w ]+ identifier: \{.*?'class_name': '([\w.>]+)'",
        r"Could not interpret [\w ]+ identifier: ([\w.>]+)$",
        r"passed to (\w+): ",
        r"\b([A-Z]\w*)\.(?:__init__|build|call|from_config)\(\)",
        r"(?:of this|deserialization of a) `?([A-Z]\w*)`? layer",
        rf"The value of the `\w+` for {_NAME} may only",
        r"objects could not be loaded\. Example error message for object <([\w.]+) name=(\w+)",
        r"Weight count mismatch for layer #\d+ \(named (\w+) in the current model",
        r"Layer '([\w.]+)' expected \d+ variables",
        r"Layer '?([\w.]+)'? (?:cannot|can't) be (?:loaded|deserialized)",
    )
)

#: Shapes that name keys of a configuration or arguments: all quoted words of the first group.
_KEYS = tuple(
    re.compile(pattern)
    for pattern in (
        r"Unrecognized keyword arguments?(?:\(s\))?(?: passed to \w+)?:'?,? ?(.*)",
        r"unexpected keyword argument ('\w+')",
        r"Keyword argument not understood:', ('\w+')",
        r"required (?:positional|keyword-only) arguments?: (.*)",
        r"^\w*KeyError: ('\w+')$",
        r"Invalid value for argument (\w+)",
        r"The value of the (`\w+`) for",
        r"When (`\w+)=\S+, (?:`\w+`) should be",
        r"When `\w+=\S+, (`\w+`) should be",
    )
)

_WRAPPERS = re.compile(
    r"Error when deserializing class '(\w+)' using|<class '(?:[\w.]+\.)?(\w+)'> could not be deserialized"
)

#: The object that couldn't be located, where the record's cut took the sentence that says so.
_FULL_CONFIG = re.compile(r"Full object config: \{(?:'module': [^,]+, )?'class_name': '([\w.>]+)'")
_LAST_LAYER = re.compile(r"'name': '([^']+)', 'inbound_nodes': ")


def innermost_names(error: str) -> frozenset[str]:
    """The innermost classes, functions, layers and keys that an error names; empty where it names none.

    Args:
        error: type and message, as the record has them.
    """
    *outer, inner = error.split(_NEXT)
    objects, keys = _objects(inner), _keys(inner)
    if not objects:
        objects = _wrapper(" ".join(outer))
    if not objects and not keys and _CUT in inner:
        objects = _after_the_cut(inner)
    return frozenset(objects | keys)


def _objects(text: str) -> set[str]:
    """The names, each with its last part: an error says `keras.metrics.mse`, a finding may say `mse`."""
    found = {name for pattern in _OBJECTS for match in pattern.finditer(text) for name in match.groups()}
    return found | {re.split(r"[.>]", name)[-1] for name in found}


def _keys(text: str) -> set[str]:
    return {key for pattern in _KEYS for match in pattern.finditer(text) for key in _quoted(match[1])}


def _quoted(text: str) -> list[str]:
    """Keys of a printed dict, or the words of a list, or the word itself."""
    if text.startswith("{"):
        return _top_level_keys(text)
    return re.findall(r"['`](\w+)", text) or re.findall(r"^\w+$", text)


def _top_level_keys(text: str) -> list[str]:
    """The keys of a printed dict, without those of the dicts within; the text may be cut off."""
    keys, depth = [], 0
    for token in re.finditer(r"[{\[(]|[}\])]|'(\w+)':", text):
        if token[1]:
            keys += [token[1]] if depth == 1 else []
        else:
            depth += 1 if token[0] in "{[(" else -1
    return keys


def _wrapper(text: str) -> set[str]:
    """The last class in which the error was met, unless that is a mere container."""
    found = [first or second for first, second in _WRAPPERS.findall(text)]
    return set(found[-1:]) - CONTAINERS


def _after_the_cut(text: str) -> set[str]:
    rest = text.rpartition(_CUT)[2]
    return set(_FULL_CONFIG.findall(rest)[-1:] or _LAST_LAYER.findall(rest)[-1:])


def names_one(text: str, names: frozenset[str]) -> bool:
    """Whether one of the names stands in a text as a word of its own."""
    return any(re.search(rf"(?<![\w]){re.escape(name)}(?![\w])", text) for name in names)
