"""What an audit looks like: as a table, JSON, CSV and a page."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_kerasguard.registry.audit.result import Audit, Change, ChangeKind
from mlflow_kerasguard.registry.audit.values import AuditedEnvironment, Cell, Contents, RegisteredVersion, Row, Status
from mlflow_kerasguard.reports.audits import AUDIT_FORMATS, SYMBOLS, WIDTH, render_csv, render_html, render_table

ENVIRONMENTS = [
    AuditedEnvironment(name="new.txt", description="new.txt (Python 3.12, keras 3.15.1)", digest="n"),
    AuditedEnvironment(name="keras==3.8.0", description="`keras==3.8.0` (keras 3.8.0)", digest="o"),
]
GOOD = Cell(status=Status.COMPATIBLE)
BAD = Cell(status=Status.INCOMPATIBLE, codes=("KG201", "KG301"), reason="class is missing: layers: no `X`")
UNSAFE = Cell(status=Status.UNSAFE, codes=("KG105",), reason="a lambda")
GONE = Cell(status=Status.UNREACHABLE, reason="its source isn't there")


def row(name, version, new, old, *, flavor="kerasguard", aliases=()):
    listed = RegisteredVersion(workspace="default", name=name, version=str(version), aliases=aliases)
    return Row(listed=listed, contents=Contents(flavor=flavor), cells={"n": new, "o": old})


ROWS = [
    row("fraud", 1, GOOD, BAD, aliases=("champion",)),
    row("fraud", 2, GOOD, BAD),
    row("fraud", 3, GOOD, BAD),
    row("fraud", 5, UNSAFE, UNSAFE, flavor="keras"),
    row("sum", 1, GONE, GONE, flavor=""),
    row("sum", 2, *[Cell(status=Status.NOT_KERAS, reason="flavor `sklearn`")] * 2, flavor="sklearn"),
]
TITLES = {"KG201": "class is missing from the target Keras", "KG301": "config key is not accepted", "KG105": "a lambda"}
CHANGES = [
    Change(kind=ChangeKind.BROKEN, version="fraud/3", environment="new.txt", before=GOOD, after=BAD),
    Change(kind=ChangeKind.GONE, version="old/1"),
]


def audit(rows=ROWS, **fields):
    defaults = {"registry": "sqlite:///mlflow.db", "environments": ENVIRONMENTS, "titles": TITLES}
    return Audit(rows=rows, **{**defaults, **fields})


TABLE = """\
registry  sqlite:///mlflow.db
audited   6 versions of 2 models: 3 guarded, 1 not guarded, 1 not Keras, 1 not
          read

[1] new.txt (Python 3.12, keras 3.15.1)
    3 compatible, 1 unsafe, 1 unreachable, 1 not Keras
    KG105: 1 version of 1 model: a lambda
      fraud/5
    1 version of 1 model: its source isn't there
      sum/1

[2] keras==3.8.0 (keras 3.8.0)
    3 incompatible, 1 unsafe, 1 unreachable, 1 not Keras
    KG201: 3 versions of 1 model: class is missing from the target Keras
      fraud/1-3
    KG301: 3 versions of 1 model: config key is not accepted
      fraud/1-3
    KG105: 1 version of 1 model: a lambda
      fraud/5
    1 version of 1 model: its source isn't there
      sum/1

version                     [1]          [2]
fraud/1 @champion           ok           KG201 +1
fraud/2                     ok           KG201 +1
fraud/3                     ok           KG201 +1
fraud/5                     !KG105       !KG105
sum/1                       unreachable  unreachable
sum/2                       not Keras    not Keras"""


def test_the_table():
    assert render_table(audit()) == TABLE


def test_what_has_changed():
    text = render_table(audit(changes=CHANGES))
    assert text.endswith(
        "since the earlier audit\n    1 newly broken\n      fraud/3 in new.txt: compatible, now incompatible (KG201 KG301)\n"
        "    1 gone\n      old/1"
    )
    assert render_table(audit(changes=[])).endswith("nothing has changed since the earlier audit")


def test_what_was_not_read_again():
    assert "reused    3 hadn't changed since they were saved" in render_table(audit(reused=3))


def test_a_long_registry_is_cut():
    rows = [row(f"m{number:03d}", version, GOOD, BAD) for number in range(30) for version in (1, 2, 4)]
    many = [Change(kind=ChangeKind.NEW, version=str(number)) for number in range(50)]
    text = render_table(audit(rows, changes=many))
    assert "m000/1-2+4, m001/1-2+4, m002/1-2+4, m003/1-2+4, m004/1-2+4 and 25 more" in text
    assert "and 50 more that aren't compatible everywhere" in text
    assert "and 20 more" in text


def test_many_reasons_are_cut():
    rows = [row("m", n, GOOD, Cell(status=Status.UNREACHABLE, reason=f"reason {n}")) for n in range(20)]
    assert "and 8 more findings or reasons" in render_table(audit(rows))


def test_a_registry_with_nothing_in_it():
    text = render_table(audit([]))
    assert "audited   0 versions of 0 models" in text
    assert "no versions" in text


def test_more_environments_than_columns():
    many = [AuditedEnvironment(name=f"e{n}", description=f"e{n}", digest=str(n)) for n in range(6)]
    item = Row(listed=ROWS[0].listed, cells={str(n): GOOD for n in range(6)})
    text = render_table(audit([item], environments=many))
    assert [line.split()[1:] for line in text.splitlines() if line.startswith("version")] == [
        ["[1]", "[2]", "[3]", "[4]"],
        ["[5]", "[6]"],
    ]


texts = st.text(max_size=120)


@given(st.lists(st.tuples(texts, texts, st.sampled_from([GOOD, BAD, UNSAFE, GONE])), max_size=4), texts)
def test_no_name_forges_a_line_or_breaks_the_width(items, reason):
    environment = AuditedEnvironment(name=reason, description=reason, digest="n")
    rows = [
        Row(listed=RegisteredVersion(workspace=space, name=name, version="1"), cells={"n": cell})
        for name, space, cell in items
    ]
    text = render_table(audit(rows, environments=[environment]))
    assert max(map(len, text.split("\n"))) <= WIDTH
    assert all(character.isprintable() or character == "\n" for character in text)
    assert text.count("\nversion ") == bool(rows)


def test_json():
    document = json.loads(AUDIT_FORMATS["json"](audit(changes=CHANGES)))
    assert document["schema_version"] == 1
    assert document["ok"] is False
    assert document["environments"][1]["statuses"]["incompatible"] == 3
    assert document["environments"][1]["findings"][0] == {
        "code": "KG201",
        "title": TITLES["KG201"],
        "versions": 3,
        "models": 1,
    }
    first = document["versions"][0]
    assert (first["name"], first["version"], first["guarded"], first["aliases"]) == ("fraud", "1", True, ["champion"])
    assert first["cells"]["o"] == {"status": "incompatible", "codes": ["KG201", "KG301"], "reason": BAD.reason}
    assert [change["kind"] for change in document["changes"]] == ["newly broken", "gone"]
    assert json.loads(AUDIT_FORMATS["json"](audit()))["changes"] is None


def test_csv_has_a_line_for_each_cell():
    lines = list(csv.DictReader(io.StringIO(render_csv(audit()))))
    assert len(lines) == len(ROWS) * len(ENVIRONMENTS)
    assert lines[1] == {
        "workspace": "default",
        "model": "fraud",
        "version": "1",
        "aliases": "champion",
        "flavor": "kerasguard",
        "guarded": "true",
        "environment": "keras==3.8.0",
        "status": "incompatible",
        "codes": "KG201 KG301",
        "reason": BAD.reason,
    }


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\tx"])
def test_no_cell_of_csv_is_a_formula(name):
    (line, _) = csv.DictReader(io.StringIO(render_csv(audit([row(name, 1, GOOD, BAD)]))))
    assert line["model"] == f"'{name}"


def test_the_page_is_complete_in_itself():
    page = render_html(audit(changes=CHANGES))
    assert not re.search(r"""(src|href)\s*=|url\(|@import""", page)
    script = page.partition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert "3 versions of 1 model: class is missing from the target Keras" in page
    assert "fraud/3 in new.txt: compatible, now incompatible (KG201 KG301)" in page
    assert "Nothing has changed." in render_html(audit(changes=[]))


def test_the_page_says_what_its_colours_say():
    page = render_html(audit([row("m", 1, Cell(status=status), GOOD) for status in Status]))
    for status in Status:
        assert f'<span class="sign" aria-hidden="true">{SYMBOLS[status]}</span>{status}' in page
    assert page.count('data-interesting="1"') == len(Status) - 2


def test_nothing_of_a_name_is_markup():
    page = render_html(audit([row("<script>alert(1)</script>", 1, BAD, BAD, aliases=('"><b>',))]))
    assert page.count("<script>") == 1
    assert "<b>x" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;/1" in page
