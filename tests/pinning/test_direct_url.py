"""PEP 610's record of where a distribution came from."""

from __future__ import annotations

import json

import pytest

from mlflow_kerasguard.pinning.direct_url import parse_direct_url, without_password

GIT = {"url": "https://example.org/x.git", "vcs_info": {"vcs": "git", "commit_id": "abc", "requested_revision": "main"}}
ARCHIVE = {"url": "https://example.org/x.zip", "archive_info": {"hashes": {"sha256": "12", "md5": "3"}}}
#: The document; whether it is local; its line.
CASES = {
    "repository": (GIT, False, "x @ git+https://example.org/x.git@abc"),
    "part of one": ({**GIT, "subdirectory": "a/b"}, False, "x @ git+https://example.org/x.git@abc#subdirectory=a/b"),
    "repository of this machine": ({**GIT, "url": "file:///srv/x"}, False, "x @ git+file:///srv/x@abc"),
    "archive": (ARCHIVE, False, "x @ https://example.org/x.zip#sha256=12"),
    "part of one archive": (
        {**ARCHIVE, "subdirectory": "a"},
        False,
        "x @ https://example.org/x.zip#sha256=12&subdirectory=a",
    ),
    "older installer": (
        {**ARCHIVE, "archive_info": {"hash": "sha256=45"}},
        False,
        "x @ https://example.org/x.zip#sha256=45",
    ),
    "without a hash": ({**ARCHIVE, "archive_info": {}}, False, "x @ https://example.org/x.zip"),
    "directory": ({"url": "file:///home/x", "dir_info": {}}, True, "x @ file:///home/x"),
    "wheel file": ({"url": "file:///home/x.whl", "archive_info": {}}, True, "x @ file:///home/x.whl"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_it_says(case):
    document, is_local, line = case
    found = parse_direct_url(json.dumps(document))
    assert (found.is_local, found.requirement("x")) == (is_local, line)


def test_the_facts_of_a_repository_and_a_directory():
    found = parse_direct_url(json.dumps(GIT))
    assert (found.vcs, found.commit, found.revision) == ("git", "abc", "main")
    assert parse_direct_url('{"url": "file:///x", "dir_info": {"editable": true}}').editable


@pytest.mark.parametrize(
    "text", ["", "no JSON", "[]", "{}", '{"url": 3}', '{"url": "u", "vcs_info": {"vcs": "git"}}'], ids=repr
)
def test_what_cant_be_used_is_passed_over(text):
    assert parse_direct_url(text) is None


PASSWORDS = {
    "https://example.org/x": "https://example.org/x",
    "https://user:secret@example.org/x": "https://example.org/x",
    "https://token@example.org/x": "https://example.org/x",
    "ssh://git@example.org/x": "ssh://git@example.org/x",
    "ssh://git:secret@example.org/x": "ssh://example.org/x",
    "https://${USER}:${PASSWORD}@example.org/x": "https://${USER}:${PASSWORD}@example.org/x",
}


@pytest.mark.parametrize(("url", "expected"), PASSWORDS.items(), ids=PASSWORDS)
def test_passwords_are_left_out(url, expected):
    assert without_password(url) == expected
