"""Reading: what is a term, what is text, how operators bind, and what is said about faults."""

import time

import pytest

import filters
from filters import And, Node, Not, QueryError, Term, Text
from tests.filters import real


def shape(node: Node) -> object:
    """A tree as nested tuples, easy to write down."""
    if isinstance(node, Term):
        return f"{node.name}:{','.join(value.text for value in node.values)}"
    if isinstance(node, Text):
        return node.text
    if isinstance(node, Not):
        return ("not", shape(node.child))
    return ("and" if isinstance(node, And) else "or", *map(shape, node.children))


SHAPES = [
    ("", ("and",)),
    ("is:open", "is:open"),
    ("label:bug,enhancement", "label:bug,enhancement"),
    ('label:"help wanted",bug', "label:help wanted,bug"),
    ("label:'help wanted',bug", "label:help wanted,bug"),
    ("label:priority:high", "label:priority:high"),
    (r'label:"say \"hi\"",b', 'label:say "hi",b'),
    ("label:foo(bar)", "label:foo(bar)"),
    ("-label:bug", ("not", "label:bug")),
    ("NOT label:bug", ("not", "label:bug")),
    ('NOT "two words"', ("not", "two words")),
    ("-(a b)", ("not", ("and", "a", "b"))),
    ("a b OR c AND d", ("or", ("and", "a", "b"), ("and", "c", "d"))),
    ("a (b OR c) d", ("and", "a", ("or", "b", "c"), "d")),
    ("(label:a OR label:b)", ("or", "label:a", "label:b")),
    ("((((((a OR b))))))", ("or", "a", "b")),
    ("LABEL:Bug", "label:Bug"),
    ("owner:neovim", "user:neovim"),
    ("https://example.com/a:b", "https://example.com/a:b"),
    ("std::vector 12:30 don't", ("and", "std::vector", "12:30", "don't")),
    ("'two words'", "two words"),
    ("kind/flake CVE-2018-1", ("and", "kind/flake", "CVE-2018-1")),
    ("and or not", ("and", "and", "or", "not")),
    ('field."two words":x field.prio:high', ("and", "field.two words:x", "field.prio:high")),
    (
        "created:2020-12-01T17:00:00+0000..2020-12-08T17:50:44+0000",
        "created:2020-12-01T17:00:00+0000..2020-12-08T17:50:44+0000",
    ),
    ('comments:">100"', "comments:>100"),
    ("sort:reactions-+1-desc", "sort:reactions-+1-desc"),
]


@pytest.mark.parametrize(("text", "expected"), SHAPES)
def test_a_query_reads_as(text: str, expected: object) -> None:
    """Each query has the tree its author means, and prints as it was written."""
    query = filters.parse(text)
    assert shape(query.root) == expected
    assert str(query) == text


FAULTS = [
    ("lable:bug", [(0, 5, "unknown-qualifier")]),
    ("is:opne", [(3, 7, "unknown-value")]),
    ("label:", [(0, 6, "empty-value")]),
    ("label: bug", [(0, 6, "empty-value")]),
    ('label:""', [(6, 8, "empty-value")]),
    ("label:a,,b", [(8, 9, "empty-list-item")]),
    ("label:a,", [(7, 8, "empty-list-item")]),
    ("label:,a", [(6, 7, "empty-list-item")]),
    ('label:"",a', [(6, 8, "empty-list-item")]),
    ("(is:open", [(0, 1, "unbalanced-parenthesis")]),
    ("is:open)", [(7, 8, "unbalanced-parenthesis")]),
    ('"abc', [(0, 4, "unbalanced-quote")]),
    ('label:"abc', [(6, 10, "unbalanced-quote")]),
    ("OR a", [(0, 2, "missing-operand")]),
    ("a OR", [(2, 4, "missing-operand")]),
    ("a AND OR b", [(6, 8, "missing-operand")]),
    ("a NOT", [(2, 5, "missing-operand")]),
    ("a - b", [(2, 3, "missing-operand")]),
    ("()", [(0, 2, "empty-group")]),
    ("--a", [(0, 2, "double-minus")]),
    ("comments:many", [(9, 13, "bad-number")]),
    ("comments:10..5", [(9, 14, "back-to-front")]),
    ("created:2024-02-30", [(8, 18, "bad-date")]),
    ("created:yesterday", [(8, 17, "bad-date")]),
    ("created:2024-05-01..2024-04-01", [(8, 30, "back-to-front")]),
    ("updated:7d", [(8, 10, "bare-age")]),
    ("updated:30d..7d", [(8, 15, "back-to-front")]),
    ("-sort:created", [(1, 13, "negated-modifier")]),
    ("sort:created sort:updated", [(13, 25, "repeated-sort")]),
    ("sort:size", [(5, 9, "unknown-value")]),
    ("@me", [(0, 3, "bare-me")]),
    ("author:@octocat", [(7, 15, "bad-login")]),
    ("repo:shop", [(5, 9, "bad-reference")]),
    ("parent-issue:12", [(13, 15, "bad-reference")]),
    ("a\x00b", [(1, 2, "bad-character")]),
    ("lable:x is:opne (", [(0, 5, "unknown-qualifier"), (11, 15, "unknown-value"), (16, 17, "unbalanced-parenthesis")]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), FAULTS)
def test_every_fault_is_told_with_its_place(text: str, expected: list[tuple[int, int, str]]) -> None:
    """A faulty query tells all its faults at once, each with its place and what to do."""
    with pytest.raises(QueryError) as refused:
        filters.parse(text)
    found = refused.value.diagnostics
    assert [(fault.start, fault.end, fault.code) for fault in found] == expected
    assert all(fault.message and fault.hint for fault in found)
    assert filters.check(text) == list(found)


def test_the_nearest_name_is_offered() -> None:
    """A misspelled name or value is answered with the one that was meant, and with the change that mends it."""
    [fault] = filters.check("lable:bug")
    assert (fault.hint, fault.fix) == ("did you mean 'label'?", "label")
    [fault] = filters.check("is:opne")
    assert (fault.hint, fault.fix) == ("did you mean 'open'?", "open")


@pytest.mark.parametrize("text", [text for text, _ in FAULTS])
def test_a_fix_mends_its_fault(text: str) -> None:
    """Where a fix is offered, the query has one fault fewer with it."""
    faults = [fault for fault in filters.check(text) if fault.severity == "error"]
    for fault in faults:
        if fault.fix is not None:
            mended = text[: fault.start] + fault.fix + text[fault.end :]
            left = [each for each in filters.check(mended) if each.severity == "error"]
            assert len(left) < len(faults), mended


HOSTILE = [
    "(" * 60_000,
    "(a " * 20_000 + ")" * 20_000,
    "-" * 60_000,
    "NOT " * 15_000 + "a",
    "-(" * 30_000,
    ")" * 60_000,
    '"' * 60_001,
    "'a " * 20_000,
    "field.'" * 9_000,
    "x:" * 30_000,
    "zzzz:a " * 9_000,
    "label:" + "," * 60_000,
    "label:" + "*" * 60_000,
    "a" * 60_000 + ":b",
    "updated:" + "9" * 50_000,
    "\\" * 60_000,
    "is:open " * 1_000_000,
    "\ud800" * 1000,
    "\u202e\u0000\ufeff" * 1000,
    "OR " * 20_000,
    "foo( " * 10_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_end_soon(text: str) -> None:
    """Whatever is thrown at the parser, it answers within a second, with a tree or with faults."""
    begun = time.process_time()
    filters.check(text)
    assert time.process_time() - begun < 1.5


def test_long_queries_of_people_are_read() -> None:
    """Six thousand characters with 250 negations, and fifty levels of parentheses, are no trouble."""
    assert filters.parse("is:open " + " ".join(f"-label:long-label-name-{n}" for n in range(250)))
    assert filters.parse("(" * 50 + "is:open" + ")" * 50)


@real.needs_data
def test_real_queries_parse_or_say_why() -> None:
    """Of 360 real queries all but the unfilled templates and shell fragments parse; those say what is wrong."""
    faulty = []
    for text in real.queries():
        faults = [fault for fault in filters.check(text) if fault.severity == "error"]
        assert all(0 <= fault.start <= fault.end <= len(text) and fault.hint for fault in faults)
        if faults and not any(
            sign in text for sign in ("${", "{{", "gh search", "$SINCE", "YYYY", "_DATE", "\\")
        ):
            faulty.append(text)
    assert len(faulty) <= 10, faulty
