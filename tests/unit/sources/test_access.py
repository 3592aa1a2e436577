"""Invariant 8: who may read is the source's word, and a word that cannot be understood opens nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import ConfigError
from penstock.records import NOBODY, Reason, Refusal
from penstock.source_settings import AccessRule
from penstock.sources.access import SILENT, Rules, Statement, from_metadata, from_sidecar, from_tags

SIDECAR_REMEDY = 'write {"principals": ["group:…"], "fields": {"name": "value"}}, or remove the file'


def rule(prefix: str, *principals: str) -> AccessRule:
    return AccessRule(prefix=prefix, principals=principals)


RULES = Rules("docs", [rule("", "public"), rule("hr/pay/", "group:pay"), rule("hr/", "group:hr")])


@pytest.mark.parametrize(
    ("key", "principals"),
    [("a.md", ("public",)), ("hr/a.md", ("group:hr",)), ("hr/pay/a.md", ("group:pay",)), ("hr-old/a.md", ("public",))],
)
def test_the_longest_prefix_wins(key: str, principals: tuple[str, ...]) -> None:
    assert RULES.principals(key) == principals


def test_silence_is_none_and_not_an_empty_list() -> None:
    assert Rules("docs", [rule("hr/", "group:hr")]).principals("a.md") is None


def test_a_documents_own_statement_goes_before_a_rule() -> None:
    assert RULES.principals("hr/a.md", Statement(("user:ana",))) == ("user:ana",)
    assert RULES.principals("hr/a.md", Statement(None, {"team": "people"})) == ("group:hr",)


def test_a_problem_goes_before_everything_and_opens_to_nobody() -> None:
    assert RULES.principals("a.md", from_sidecar("a.md.access.json", b"{")) == (NOBODY,)


def test_two_rules_for_one_prefix_are_an_error() -> None:
    with pytest.raises(ConfigError) as error:
        Rules("docs", [rule("hr/", "group:hr"), rule("hr/", "public")])
    assert str(error.value) == "sources.docs.access: two rules have the prefix 'hr/'; merge them into one"


def test_a_sidecar_is_read() -> None:
    data = b'\xef\xbb\xbf{"principals": ["user:b", "group:a", "user:b"], "fields": {"team": "people"}}'
    assert from_sidecar("a.md.access.json", data) == Statement(("group:a", "user:b"), {"team": "people"})


def test_a_sidecar_may_hold_fields_only() -> None:
    assert from_sidecar("a.md.access.json", b'{"fields": {}}') == SILENT


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "it is not JSON: Expecting value: line 1 column 1 (char 0)"),
        (b'{"principals": ["public"]', "it is not JSON: Expecting ',' delimiter: line 1 column 26 (char 25)"),
        (b'["public"]', "it holds a list, not an object"),
        (b'{"principles": ["public"]}', "unknown key 'principles'; did you mean 'principals'?"),
        (b'{"principals": "public"}', "'principals' is not a list of strings"),
        (b'{"principals": null}', "'principals' is not a list of strings"),
        (b'{"principals": [1]}', "'principals' is not a list of strings"),
        (b'{"principals": []}', "the list of principals is empty; write ['public'] or ['nobody']"),
        (b'{"principals": [""]}', "'' is not a principal: it is blank or padded with spaces"),
        (b'{"principals": ["nobody", "user:a"]}', "'nobody' stands alone, not beside ['user:a']"),
        (b'{"principals": ["public"], "principals": ["user:a"]}', "the key 'principals' stands in it twice"),
        (b'{"principals": ["user:\\ud800"]}', "'user:\\ud800' holds a character that cannot be printed"),
        (b'{"principals": ["public"], "fields": ["year"]}', "'fields' is not an object"),
        (
            b'{"principals": ["public"], "fields": {"year": null}}',
            "the field 'year' is not a string, a number or a list of printable strings",
        ),
        (b'{"fields": {"": "x"}}', "a field has no name"),
        (b'{"principals": ["caf\xe9"]}', "it is not UTF-8"),
        (b"[" * 60_000, "it is nested too deeply"),
        (b" " * 70_000, "it is larger than 65,536 bytes"),
    ],
)
def test_a_sidecar_that_cannot_be_understood_is_a_problem(data: bytes, fault: str) -> None:
    refusal = Refusal(Reason.BAD_SIDECAR, f"hr/a.md.access.json: {fault}", SIDECAR_REMEDY)
    assert from_sidecar("hr/a.md.access.json", data) == Statement(problem=refusal)


@given(st.binary(max_size=200))
def test_no_bytes_make_a_sidecar_raise(data: bytes) -> None:
    statement = from_sidecar("a.md.access.json", data)
    assert statement.problem is None or statement.principals is None


def test_metadata_is_read() -> None:
    metadata = {"penstock-principals": "user:ana, group:hr", "Penstock-Field-Team": "people", "owner": "bob"}
    assert from_metadata("a.md", metadata) == Statement(("group:hr", "user:ana"), {"team": "people"})


def test_metadata_that_is_not_ascii_is_decoded() -> None:
    assert from_metadata("a.md", {"penstock-principals": "=?UTF-8?Q?user:ren=C3=A9e?="}).principals == ("user:renée",)


def test_tags_are_read() -> None:
    tags = {"penstock:principals": "user:ana@x.org  group:hr", "penstock:field:team": "people", "cost": "42"}
    assert from_tags("a.md", tags) == Statement(("group:hr", "user:ana@x.org"), {"team": "people"})


def test_no_metadata_and_no_tags_say_nothing() -> None:
    assert from_metadata("a.md", {"owner": "bob"}) == from_tags("a.md", {}) == SILENT


@pytest.mark.parametrize(
    ("statement", "detail"),
    [
        (
            from_metadata("a.md", {"penstock-principal": "group:hr"}),
            "a.md: unknown name 'penstock-principal'; there are penstock-principals and penstock-field-<name>",
        ),
        (
            from_metadata("a.md", {"penstock-principals": ""}),
            "a.md: '' is not a principal: it is blank or padded with spaces",
        ),
        (
            from_metadata("a.md", {"penstock-principals": "group:hr,,user:a"}),
            "a.md: '' is not a principal: it is blank or padded with spaces",
        ),
        (from_metadata("a.md", {}, missing=1), "a.md: 1 metadata entries hold characters that S3 cannot send"),
        (
            from_tags("a.md", {"penstock:fields:team": "x"}),
            "a.md: unknown name 'penstock:fields:team'; there are penstock:principals and penstock:field:<name>",
        ),
        (
            from_tags("a.md", {"penstock:principals": " "}),
            "a.md: the list of principals is empty; write ['public'] or ['nobody']",
        ),
    ],
)
def test_metadata_or_tags_that_cannot_be_understood_are_a_problem(statement: Statement, detail: str) -> None:
    assert statement.problem is not None
    assert (statement.problem.reason, statement.problem.detail) == (Reason.BAD_SIDECAR, detail)
    assert statement.principals is None
