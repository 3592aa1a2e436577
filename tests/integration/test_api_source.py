"""A JSON API as a source, on a real HTTP server on loopback that pages, minds who asks, and misbehaves."""

from __future__ import annotations

import base64
import json
import logging
import math
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import pytest

from penstock.errors import ConfigError, FetchError, ListingError, TransientFetchError
from penstock.records import NOBODY, Reason, SourceObject
from penstock.settings import Settings
from penstock.sources import Before, Source, TooLargeError, open_source
from support import s3_proxy as faults
from support.s3_proxy import Answer, Fault, Forward, Request, refused
from support.web import JsonApi, WebServer

pytestmark = pytest.mark.server
SECRET = "hush-7f3a9"  # noqa: S105
PAGES: dict[str, dict[str, Any]] = {
    "link": {"kind": "link"},
    "next_url": {"kind": "next_url", "next": "next"},
    "cursor": {"kind": "cursor", "param": "at", "next": "next"},
    "page": {"kind": "page", "param": "page", "total": "pages"},
    "offset": {"kind": "offset", "param": "at", "limit": 3, "limit_param": "n", "total": "count"},
}


@pytest.fixture
def api() -> Iterator[JsonApi]:
    with JsonApi.serve() as server:
        for n in range(8):
            server.write(f"{n}", f"Body of record {n}.")
        yield server


def source(api: WebServer, given: dict[str, Any] | None = None, **options: Any) -> Source:
    settings: dict[str, Any] = {
        "type": "api",
        "base_url": api.url,
        "path": "/records",
        "records": "items",
        "pages": {"kind": "link"},
        "document": {"key": "id", "title": "title", "body": "body"},
        "deletions": "full",
        "when_silent": ["public"],
        "requests_per_second": 1000,
        "tries": 1,
        "allow_private_addresses": True,
        **options,
    }
    made = Settings(sources={"docs": settings}).sources["docs"]
    return open_source("docs", made, {"given": given}.get)


def keys(of: Source) -> list[str]:
    return [item.key for item in of.list()]


def by_key(of: Source) -> dict[str, SourceObject]:
    return {item.key: item for item in of.list()}


def failure(of: Source) -> ListingError:
    with pytest.raises(ListingError) as caught:
        list(of.list())
    assert str(caught.value).endswith("; nothing is removed")
    return caught.value


# Pages


@pytest.mark.parametrize("style", PAGES)
def test_every_way_of_paging_lists_every_record_once(api: JsonApi, style: str) -> None:
    api.style = style
    assert keys(source(api, pages=PAGES[style])) == [f"{n}.md" for n in range(8)]
    assert api.listed() == 3


@pytest.mark.parametrize("style", ["link", "next_url", "cursor", "offset"])
def test_pages_that_go_round_in_a_circle_are_noticed(api: JsonApi, style: str) -> None:
    """As a server does that ignores where the next page is said to begin."""
    api.style = style
    whole = api.routes["/records"]
    api.routes["/records"] = lambda request: whole(replace(request, path="/records"))
    options = {name: value for name, value in PAGES[style].items() if name != "total"}
    error = failure(source(api, pages=options))
    assert "the pages go round in a circle; check the source's pages" in str(error)
    assert api.listed() == 2


def test_a_server_that_sends_empty_pages_for_ever_is_noticed(api: JsonApi) -> None:
    body = json.dumps({"items": [], "next": "again"}).encode()
    api.routes["/records"] = lambda _: Answer(200, {"ETag": ""}, body)
    assert "go round in a circle" in str(failure(source(api, pages=PAGES["cursor"])))


def test_pages_that_shift_while_they_are_read_are_not_the_whole(api: JsonApi) -> None:
    """A record goes away between two pages: the next one moves up, past the end of the page that was read."""
    api.style = "offset"

    def fault(request: Request, forward: Forward) -> Answer:
        answer = json.loads(forward(request).body)
        if "at=3" in request.path:
            del answer["items"][0]
        return Answer(200, {}, json.dumps(answer).encode())

    api.play(fault)
    error = failure(source(api, pages=PAGES["offset"]))
    assert "7 of 8 records came: the pages shifted while they were read; sync again" in str(error)


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("limit", [2, 5])
def test_a_server_that_sends_pages_of_its_own_size_loses_nothing(api: JsonApi, limit: int, counted: bool) -> None:
    """It sends three at a time, whatever ``limit`` asks for."""
    api.style = "offset"
    pages = {"kind": "offset", "param": "at", "limit": limit, **({"total": "count"} if counted else {})}
    assert keys(source(api, pages=pages)) == [f"{n}.md" for n in range(8)]


def test_pages_that_are_counted_from_another_number_are_noticed(api: JsonApi) -> None:
    api.style = "page"
    error = failure(source(api, pages={**PAGES["page"], "first": 2}))
    assert (
        "2 of 3 pages held records: they shifted while they were read, or do not begin with pages.first = 2; "
        in str(error)
    )


def test_nothing_may_be_one_page(api: JsonApi) -> None:
    api.routes["/records"] = lambda _: Answer(200, {}, b'{"items": [], "pages": 1}')
    assert keys(source(api, pages=PAGES["page"])) == []


@pytest.mark.parametrize(
    ("style", "answer", "said"),
    [
        ("next_url", {"next": 5}, "an answer does not say how its pages go on; check the source's pages"),
        ("next_url", {"next": "http://[bad"}, "an answer does not say how its pages go on"),
        ("cursor", {"next": {"at": 3}}, "an answer does not say how its pages go on"),
        ("offset", {}, "an answer does not say how its pages go on"),
        ("offset", {"count": "many"}, "an answer does not say how its pages go on"),
        ("offset", {"count": 1e999}, "an answer does not say how its pages go on"),
        ("offset", {"count": [1], "items": []}, "an answer says no number at 'count'; check the source's pages.total"),
    ],
)
def test_an_answer_that_does_not_say_how_it_goes_on_is_no_last_one(
    api: JsonApi, style: str, answer: dict[str, Any], said: str
) -> None:
    body = json.dumps({"items": [{"id": "1", "body": ""}], **answer}).replace("Infinity", "1e999").encode()
    api.routes["/records"] = lambda _: Answer(200, {}, body)
    assert said in str(failure(source(api, pages=PAGES[style])))


@pytest.mark.parametrize("last", ["", False, None])
def test_an_empty_address_is_that_of_no_next_page(api: JsonApi, last: Any) -> None:
    body = json.dumps({"items": [{"id": "1", "body": ""}], "next": last}).encode()
    api.routes["/records"] = lambda _: Answer(200, {}, body)
    assert keys(source(api, pages=PAGES["next_url"])) == ["1.md"]


def test_a_next_page_on_another_host_is_not_asked_for_and_sees_no_secret(
    api: JsonApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", SECRET)
    with JsonApi.serve() as other:
        api.routes["/records"] = lambda _: Answer(
            200, {"Link": f'<{other.url}/records?at=3>; rel="next"'}, b'{"items": [{"id": "1"}]}'
        )
        docs = source(api, auth={"kind": "header", "name": "X-Key", "secret_env": "API_KEY"})
        assert f"{other.url}/records lies elsewhere than the source" in str(failure(docs))
        assert other.requests == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error": "no such project"}', "an answer holds no list of records at 'items'"),
        (b'{"items": [1, 2]}', "an answer holds no list of records at 'items'"),
        (b'{"items": [', "an answer is not JSON; check the source's records, path and pages"),
        (b"<html>Please log in</html>", "an answer is not JSON"),
        (b"[" * 5000 + b"]" * 5000, "an answer is nested too deeply"),
        (b'{"items": [{"title": "no id"}]}', "record 1 of page 1 has no key: 'id' is not a text or a number in it"),
        (b'{"items": [{"id": 1}, {"id": "a!/b"}]}', "record 2 of page 1 has the key 'a!/b', which will not do"),
    ],
)
def test_an_answer_that_is_no_listing_is_no_empty_one(api: JsonApi, body: bytes, said: str) -> None:
    api.routes["/records"] = lambda _: Answer(200, {}, body)
    assert said in str(failure(source(api)))


@pytest.mark.parametrize("twin", ["1", "7"], ids=["on-one-page", "on-two"])
@pytest.mark.parametrize("style", PAGES)
def test_two_records_of_one_key_are_said(api: JsonApi, style: str, twin: str) -> None:
    api.style = style
    api.records["0"]["name"] = api.records[twin]["name"] = "plan"
    error = failure(source(api, document={"key": "name || id", "body": "body"}, pages=PAGES[style]))
    assert (
        "two records have the key 'plan.md', by document.key = 'name || id'; name what is each record's own, such as"
        in str(error)
    )


@pytest.mark.parametrize("style", PAGES)
def test_a_record_that_moves_while_it_is_listed_may_come_twice(api: JsonApi, style: str) -> None:
    """As it was: a new record before it moved it onto the next page. Nothing of it is another record."""
    api.style = style

    def written(request: Request, forward: Forward) -> Answer:
        api.write("00", "It is new.", at="2026-01-01T00:00:00Z")
        return forward(request)

    rule = api.play(written, after=1, times=1)
    pages = {name: value for name, value in PAGES[style].items() if name != "total"}
    assert keys(source(api, pages=pages)) == [f"{n}.md" for n in range(8)]
    assert rule.played == 1


# Servers that misbehave


@pytest.mark.parametrize(
    ("fault", "said", "transient"),
    [
        (refused(500), "the server is busy or failing (500); try again later", True),
        (refused(429), "the server takes no more requests for now (429); lower requests_per_second", True),
        (refused(401), "the server does not accept the credentials (401); check the source's auth", False),
        (refused(404), "there is nothing (404); check the source's address and path", False),
        (refused(301), "the server did not answer as expected (301)", False),
        (faults.broken_off, "the connection failed or broke off; try again", True),
        (faults.cut_short, "the connection failed or broke off; try again", True),
        (faults.shortened, "an answer is not JSON", False),
    ],
    ids=["500", "429", "401", "404", "301", "broken-off", "longer-than-it-is", "shorter-than-it-is"],
)
def test_a_page_that_fails_fails_the_listing(api: JsonApi, fault: Fault, said: str, transient: bool) -> None:
    for after in range(2):
        api.behave()
        rule = api.play(fault, after=after)
        error = failure(source(api))
        assert said in str(error)
        assert (error.transient, rule.played) == (transient, 1)


@pytest.mark.parametrize("fault", [refused(503), refused(429), faults.broken_off, faults.cut_short])
def test_another_try_mends_what_passes(api: JsonApi, fault: Fault) -> None:
    rule = api.play(fault, times=2)
    assert len(keys(source(api, tries=3))) == 8
    assert rule.played == 2


def test_retry_after_is_what_is_waited(api: JsonApi) -> None:
    """Also with a 403, by which GitHub means the same."""
    api.play(lambda *_: Answer(429, {"Retry-After": "1"}, b""), times=1)
    api.play(lambda *_: Answer(403, {"Retry-After": "1"}, b""), times=1)
    began = time.monotonic()
    assert len(keys(source(api, tries=3))) == 8
    assert time.monotonic() - began >= 2


@pytest.mark.parametrize("said", ["soon", "Sat, 01 Jan 99999 00:00:00 GMT", "9" * 5_000])
def test_a_retry_after_that_nobody_understands_is_left_out(api: JsonApi, said: str) -> None:
    rule = api.play(lambda *_: Answer(429, {"Retry-After": said}, b""), times=1)
    assert len(keys(source(api, tries=2))) == 8
    assert rule.played == 1


def test_a_server_that_asks_for_more_patience_than_there_is_ends_the_listing(api: JsonApi) -> None:
    rule = api.play(lambda *_: Answer(429, {"Retry-After": "3600"}, b""))
    assert failure(source(api, tries=5, max_wait_s=60)).transient
    assert rule.played == 1


def test_requests_keep_their_distance(api: JsonApi) -> None:
    began = time.monotonic()
    assert len(keys(source(api, requests_per_second=10))) == 8
    assert time.monotonic() - began >= 0.2  # before the second and the third page


def test_an_answer_larger_than_allowed_is_not_read(api: JsonApi) -> None:
    assert "/records has more than 100 bytes; raise max_bytes" in str(failure(source(api, max_bytes=100)))


def test_a_redirect_is_checked_as_the_first_address_was(api: JsonApi) -> None:
    api.routes["/old"] = lambda _: Answer(302, {"Location": "/records"}, b"")
    assert len(keys(source(api, path="/old"))) == 8
    api.routes["/old"] = lambda _: Answer(302, {"Location": "http://169.254.169.254/latest/meta-data"}, b"")
    assert "http://169.254.169.254/latest/meta-data lies elsewhere than the source" in str(
        failure(source(api, path="/old"))
    )


def test_private_addresses_are_refused_before_anything_is_sent(api: JsonApi) -> None:
    """By the address of the connection that was made, whatever the name was: ``localhost`` here."""
    url = api.url.replace("127.0.0.1", "localhost")
    error = failure(source(api, base_url=url, allow_private_addresses=False))
    assert "localhost is at 127.0.0.1, which is a private address; set allow_private_addresses = true" in str(error)
    assert not error.transient
    assert api.requests == []


# Who asks


def bearer(request: Request) -> bool:
    return request.headers.get("authorization") == f"Bearer {SECRET}"


def test_a_bearer_token_and_keys_in_header_and_query_are_sent(api: JsonApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", SECRET)
    api.allowed = bearer
    assert len(keys(source(api, auth={"kind": "bearer", "secret_env": "API_KEY"}))) == 8
    api.allowed = lambda request: request.headers.get("x-key") == SECRET
    assert len(keys(source(api, auth={"kind": "header", "name": "X-Key", "secret_env": "API_KEY"}))) == 8
    api.allowed = lambda request: f"key={SECRET}" in request.path
    assert len(keys(source(api, auth={"kind": "query", "name": "key", "secret_env": "API_KEY"}))) == 8


def test_a_connection_holds_login_and_password(api: JsonApi) -> None:
    words = base64.b64encode(f"ana:{SECRET}".encode()).decode()
    api.allowed = lambda request: request.headers.get("authorization") == f"Basic {words}"
    docs = source(api, {"login": "ana", "password": SECRET}, connection="given", auth={"kind": "basic"})
    assert len(keys(docs)) == 8


def test_client_credentials_are_changed_for_a_token_once(api: JsonApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIENT_SECRET", "the client's own")
    asked: list[dict[str, list[str]]] = []

    def token(request: Request) -> Answer:
        asked.append(parse_qs(request.body.decode()))
        return Answer(200, {}, json.dumps({"access_token": SECRET, "expires_in": 3600}).encode())

    api.allowed = bearer
    with WebServer.serve() as issuer:
        issuer.routes["/token"] = token
        auth = {"kind": "oauth2", "login": "me", "secret_env": "CLIENT_SECRET", "token_url": f"{issuer.url}/token"}
        docs = source(api, auth={**auth, "scope": "read"})
        assert len(keys(docs)) == len(keys(docs)) == 8
        (form,) = asked
        assert form == {
            "grant_type": ["client_credentials"],
            "client_id": ["me"],
            "client_secret": ["the client's own"],
            "scope": ["read"],
        }
        issuer.routes["/token"] = lambda _: Answer(200, {}, b'{"error": "nope"}')
        assert "the answer of auth.token_url holds no access_token" in str(failure(source(api, auth=auth)))


@pytest.mark.parametrize(
    ("expires_in", "n_asked"),
    [(None, 1), ("soon", 1), (10**18, 1), (10**400, 1), ("3600", 1), ("nan", 1), (-1, 6), (0, 6)],
)
def test_a_token_lasts_as_long_as_can_be_understood(
    api: JsonApi, expires_in: Any, n_asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIENT_SECRET", "the client's own")
    api.allowed = bearer
    body = json.dumps({"access_token": SECRET, "expires_in": expires_in}).encode()
    api.routes["/token"] = lambda _: Answer(200, {}, body)
    auth = {"kind": "oauth2", "login": "me", "secret_env": "CLIENT_SECRET", "token_url": f"{api.url}/token"}
    docs = source(api, auth=auth)
    assert len(keys(docs)) == len(keys(docs)) == 8
    assert len(api.asked("/token")) == n_asked


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>", "the answer of auth.token_url cannot be read as JSON; check auth.token_url and auth.scope"),
        (b"[" * 5000 + b"]" * 5000, "the answer of auth.token_url cannot be read as JSON"),
        (b"[]", "the answer of auth.token_url holds no access_token"),
        (b'{"access_token": ""}', "the answer of auth.token_url holds no access_token"),
        (b'{"access_token": "hush\\n"}', "the access_token of auth.token_url is not one that can be sent"),
        (b'{"access_token": "hush\\u20ac"}', "the access_token of auth.token_url is not one that can be sent"),
    ],
)
def test_an_answer_without_a_token_is_said(
    api: JsonApi, body: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIENT_SECRET", "the client's own")
    api.routes["/token"] = lambda _: Answer(200, {}, body)
    auth = {"kind": "oauth2", "login": "me", "secret_env": "CLIENT_SECRET", "token_url": f"{api.url}/token"}
    error = str(failure(source(api, auth=auth)))
    assert said in error
    assert "hush" not in error


@pytest.mark.parametrize(
    ("auth", "said"),
    [
        ({"kind": "bearer", "secret_env": "UNSET"}, "there is no secret in the environment variable UNSET; set it"),
        ({"kind": "bearer"}, "there is no secret in the password of its connection; set it"),
        ({"kind": "basic", "secret_env": "API_KEY"}, "there is no login; write auth.login"),
        ({"kind": "bearer", "secret_env": "TORN"}, "the secret in the environment variable TORN holds a line break"),
    ],
)
def test_a_secret_that_is_not_there_is_missed_by_its_place(
    api: JsonApi, auth: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", SECRET)
    monkeypatch.setenv("TORN", f"{SECRET}\n")
    with pytest.raises(ConfigError) as caught:
        source(api, auth=auth)
    assert said in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("auth", [{"kind": "bearer"}, {"kind": "query", "name": "key"}])
@pytest.mark.parametrize("fault", [refused(401), faults.broken_off, faults.shortened])
def test_a_secret_is_in_no_error_and_in_no_log(
    api: JsonApi,
    auth: dict[str, Any],
    fault: Fault,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("API_KEY", SECRET)
    api.play(fault, after=1)
    with caplog.at_level(logging.DEBUG):
        error: BaseException | None = failure(source(api, auth={**auth, "secret_env": "API_KEY"}, tries=2))
    while error is not None:
        assert SECRET not in f"{error!s}{error!r}"
        error = None if error.__suppress_context__ else error.__cause__ or error.__context__
    assert SECRET not in caplog.text


# What a document is made of


def test_a_template_makes_a_document_of_a_record(api: JsonApi) -> None:
    api.records = {}
    api.write("a", "It is *done*.", state="open", link="https://x.example/a", labels=[{"name": "urgent"}])
    document = {
        "key": "join('/', ['tickets', id])",
        "title": "title",
        "body": "body",
        "url": "link",
        "modified": "updated_at",
        "fields": {"state": "state", "label": "labels[0].name"},
    }
    (item,) = source(api, document=document).list()
    assert (item.key, item.content) == ("tickets/a.md", b"# Record a\n\nIt is *done*.\n")
    assert item.fields == {
        "url": "https://x.example/a",
        "modified": "2026-03-01T00:00:00Z",
        "state": "open",
        "label": "urgent",
    }
    assert item.size_bytes == len(item.content or b"")


def test_html_is_a_page_and_text_is_text(api: JsonApi) -> None:
    api.records = {}
    api.write("a", "<p>Done</p>", title="Beer & <wine>")
    (page,) = source(api, document={"key": "id", "title": "title", "body": "body", "format": "html"}).list()
    assert page.key == "a.html"
    assert b"<title>Beer &amp; &lt;wine&gt;</title>" in (page.content or b"")
    assert b"<p>Done</p>" in (page.content or b"")
    (text,) = source(api, document={"key": "id", "body": "body", "format": "text"}).list()
    assert (text.key, text.content) == ("a.txt", b"<p>Done</p>\n")


def test_the_hint_changes_with_what_the_template_makes_and_with_nothing_else(api: JsonApi) -> None:
    before = by_key(source(api))["1.md"].hint
    api.write("1", "Body of record 1.", at="2026-04-01T00:00:00Z", views=10)
    assert by_key(source(api))["1.md"].hint == before
    assert by_key(source(api, document={"key": "id", "body": "body"}))["1.md"].hint != before


def test_a_record_with_a_body_that_is_no_text_hurts_only_itself(api: JsonApi) -> None:
    api.records["3"]["body"] = {"type": "doc"}
    found = by_key(source(api))
    assert len(found) == 8
    problem = found["3.md"].problem
    assert problem is not None
    assert problem.reason == Reason.SOURCE_ERROR
    assert problem.detail == "'body' is a dict in the record, not text"
    assert found["3.md"].principals == (NOBODY,)


def test_a_record_that_an_expression_does_not_fit_hurts_only_itself(api: JsonApi) -> None:
    for record in api.records.values():
        record["tags"] = ["a", "b"]
    api.records["3"]["tags"] = None
    document = {"key": "id", "body": "body", "fields": {"tags": "join(',', tags)"}}
    found = by_key(source(api, document=document))
    assert found["2.md"].fields == {"tags": "a,b"}
    problem = found["3.md"].problem
    assert problem is not None
    assert problem.detail.startswith("\"join(',', tags)\" cannot be read from a record: ")
    assert [key for key, item in found.items() if item.problem] == ["3.md"]


def test_a_record_that_compares_a_text_with_a_number_hurts_only_itself(api: JsonApi) -> None:
    for record in api.records.values():
        record["level"] = 3
    api.records["3"]["level"] = "3"
    found = by_key(source(api, document={"key": "id", "body": "body", "fields": {"high": "level > `2`"}}))
    assert found["2.md"].fields == {"high": "true"}
    assert [key for key, item in found.items() if item.problem] == ["3.md"]


@pytest.mark.parametrize("said", ["https://x.example/\ud800", "a\0"])
def test_a_field_that_nothing_can_keep_hurts_only_its_record(api: JsonApi, said: str) -> None:
    api.records["3"]["link"] = said
    found = by_key(source(api, document={"key": "id", "body": "body", "url": "link"}))
    problem = found["3.md"].problem
    assert problem is not None
    assert problem.detail == "'link' holds what cannot be kept: U+0000, or half of a character"
    assert [key for key, item in found.items() if item.problem] == ["3.md"]


@pytest.mark.parametrize("said", [[], ["group:a", 7], {"a": 1}, [" padded"], ["nobody", "group:a"], 7])
def test_principals_that_cannot_be_understood_open_nothing(api: JsonApi, said: Any) -> None:
    api.write("1", "Body", readers=said)
    api.write("2", "Body", readers=["group:b", "group:a"])
    api.write("3", "Body", readers="user:ana")
    document = {"key": "id", "body": "body", "principals": "readers"}
    found = by_key(source(api, document=document, access_from="record"))
    assert found["1.md"].principals == (NOBODY,)
    assert found["1.md"].problem is not None
    assert found["2.md"].principals == ("group:a", "group:b")
    assert found["3.md"].principals == ("user:ana",)
    assert found["4.md"].principals is None


def test_rules_say_who_may_read_by_the_beginning_of_a_key(api: JsonApi) -> None:
    found = by_key(source(api, access=[{"prefix": "1", "principals": ["group:a"]}]))
    assert (found["1.md"].principals, found["2.md"].principals) == (("group:a",), None)


def test_what_is_not_wanted_is_not_listed(api: JsonApi) -> None:
    api.write("2", "Body", pull_request={"url": "x"})
    listed = list(source(api, where="!pull_request").list())
    assert [item.key for item in listed if item.gone] == ["2.md"]
    assert len([item for item in listed if not item.gone]) == 7


# Files


FILES = {"each": "files", "name": "name", "url": "href", "version": "at"}


def with_files(api: JsonApi, *files: dict[str, Any]) -> Source:
    api.records = {}
    api.write("1", "Body", files=list(files))
    return source(api, attachments=FILES)


def test_files_of_a_record_are_documents_and_are_fetched_with_its_credentials(
    api: JsonApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", SECRET)
    api.routes["/files/1"] = lambda request: Answer(200, {}, b"a plan") if bearer(request) else Answer(401, {}, b"")
    api.records = {}
    file = {"name": "../plan.txt", "href": "/files/1", "at": "v1"}
    api.write("1", "Body", files=[file, file], readers=["group:a"])
    docs = source(
        api,
        attachments=FILES,
        auth={"kind": "bearer", "secret_env": "API_KEY"},
        document={"key": "id", "body": "body", "principals": "readers"},
        access_from="record",
    )
    found = by_key(docs)
    assert list(found) == ["1.md", "1.md!/plan.txt", "1.md!/plan (2).txt"]
    assert {item.principals for item in found.values()} == {("group:a",)}
    assert docs.fetch(found["1.md!/plan.txt"]).data == b"a plan"
    file["at"] = "v2"
    assert by_key(docs)["1.md!/plan.txt"].hint != found["1.md!/plan.txt"].hint


def test_a_file_on_another_host_is_not_fetched(api: JsonApi) -> None:
    found = by_key(with_files(api, {"name": "a.pdf", "href": "https://elsewhere.example/a.pdf?token=x"}))
    problem = found["1.md!/a.pdf"].problem
    assert problem is not None
    assert problem.detail == "its file lies elsewhere, at https://elsewhere.example/a.pdf"


def test_a_file_without_an_address_waits_in_quarantine(api: JsonApi) -> None:
    problem = by_key(with_files(api, {"name": "a.pdf"}))["1.md!/a.pdf"].problem
    assert problem is not None
    assert problem.detail == "its file has no address"


@pytest.mark.parametrize(
    ("files", "key", "said"),
    [
        ("a.pdf", "1.md", "'files' is a str in the record, not a list"),
        ([{"name": ["a"]}], "1.md!/unnamed", "'name' is a list in the record, not text"),
        ([{"name": "a", "href": "http://[bad"}], "1.md!/a", "its file's address cannot be read"),
        ([{"name": "a", "href": "/a\ud800"}], "1.md!/a", "its file's address cannot be read"),
    ],
)
def test_files_that_are_none_hurt_only_themselves(api: JsonApi, files: Any, key: str, said: str) -> None:
    api.write("1", "Body", files=files)
    found = by_key(source(api, attachments=FILES))
    assert [(name, item.problem.detail) for name, item in found.items() if item.problem] == [(key, said)]
    assert len([name for name in found if "!/" not in name]) == 8


def test_a_file_is_called_what_a_key_can_hold(api: JsonApi) -> None:
    found = by_key(with_files(api, {"name": "a\n\0\ud800.txt", "href": "/files/a", "at": "\ud800"}))
    assert list(found) == ["1.md", "1.md!/a___.txt"]
    assert found["1.md!/a___.txt"].problem is None


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        (refused(404), FetchError, "there is nothing (404)"),
        (refused(503), TransientFetchError, "the server is busy or failing (503)"),
        (faults.cut_short, TransientFetchError, "the connection failed or broke off"),
        (lambda *_: Answer(302, {"Location": "http://10.0.0.1/a"}, b""), FetchError, "lies elsewhere than the source"),
        (lambda *_: Answer(200, {"Content-Length": "900"}, b"x" * 900), TooLargeError, "more than max_bytes = 500"),
        (
            lambda *_: Answer(200, {"Content-Length": ""}, b"x" * 900),
            TooLargeError,
            "has 900 bytes, more than max_bytes = 500",
        ),
    ],
    ids=["404", "503", "cut", "redirect", "says-too-large", "is-too-large"],
)
def test_a_file_that_cannot_be_had_says_why(api: JsonApi, fault: Fault, kind: type[FetchError], said: str) -> None:
    api.records = {}
    api.write("1", "Body", files=[{"name": "a.txt", "href": "/files/a"}])
    api.put("/files/a", "a plan", "text/plain")
    docs = source(api, attachments=FILES, max_bytes=500)
    api.play(fault, "/files")
    with pytest.raises(FetchError, match=r"source 'docs'.*'1\.md!/a\.txt'") as caught:
        docs.fetch(by_key(docs)["1.md!/a.txt"])
    assert type(caught.value) is kind
    assert said in str(caught.value)


# Cursors


SINCE = {"param": "since", "field": "updated_at", "overlap_s": 60}


def read(docs: Source, cursor: Any = None) -> tuple[list[str], Any, bool]:
    reading = docs.read(Before(cursor))
    listed = [item.key for item in reading.objects]
    return listed, reading.cursor, reading.removes


def test_the_second_reading_asks_for_what_changed_since_less_the_overlap(api: JsonApi) -> None:
    docs = source(api, incremental=SINCE)
    listed, cursor, removes = read(docs)
    assert (len(listed), removes) == (8, True)
    api.behave()
    api.write("3", "Another body", at="2026-03-02T00:00:00Z")
    listed, cursor, removes = read(docs, cursor)
    assert (listed[-1], removes) == ("3.md", False)
    assert "since=2026-02-28T23%3A59%3A00Z" in api.asked()[0]
    listed, cursor, _ = read(docs, cursor)
    assert listed == ["3.md"]
    api.behave()
    assert read(docs, cursor) == ([], cursor, False)  # 304
    assert api.listed() == 1


def test_a_cursor_of_other_settings_counts_for_nothing(api: JsonApi) -> None:
    cursor = read(source(api, incremental=SINCE))[1]
    assert read(source(api, incremental=SINCE), cursor)[2] is False
    assert read(source(api, incremental=SINCE, when_silent=["group:a"]), cursor)[2] is True


def test_everything_is_read_again_in_time(api: JsonApi) -> None:
    docs = source(api, incremental={**SINCE, "whole_every_s": 3600})
    cursor = read(docs)[1]
    assert read(docs, cursor)[2] is False
    assert read(docs, {**cursor, "whole_at": cursor["whole_at"] - 3601})[2] is True


def test_a_record_from_the_future_does_not_hide_what_comes_until_then(api: JsonApi) -> None:
    api.write("7", "Body", at="2999-01-01T00:00:00Z")
    docs = source(api, incremental=SINCE)
    cursor = read(docs)[1]
    assert cursor["newest"] <= cursor["whole_at"] < 2_500_000_000


def test_a_record_that_changes_while_it_is_listed_holds_the_mark_back(api: JsonApi) -> None:
    docs = source(api, incremental=SINCE)
    cursor = read(docs)[1]
    for n in range(8):
        api.write(f"{n}", f"Body of record {n}, again.", at=f"2026-03-0{n + 2}T00:00:00Z")

    def edited(request: Request, forward: Forward) -> Answer:
        api.write("0", "Changed under the reader.", at="2026-04-01T00:00:00Z")
        return forward(request)

    api.play(edited, after=1, times=1)
    listed, after, _ = read(docs, cursor)
    assert len(listed) == len(set(listed))
    assert after["newest"] == cursor["newest"]


def test_a_field_that_no_record_has_is_said(api: JsonApi) -> None:
    error = failure(source(api, incremental={**SINCE, "field": "updatedAt"}))
    assert "no record has a time at 'updatedAt'; mend incremental.field or its format" in str(error)


@pytest.mark.parametrize(("form", "value", "sent"), [("epoch_s", 1000, "940"), ("epoch_ms", 1000_000, "940000")])
def test_times_may_be_numbers(api: JsonApi, form: str, value: int, sent: str) -> None:
    for record in api.records.values():
        record["at"] = value
    docs = source(api, incremental={"param": "from", "field": "at", "format": form, "overlap_s": 60})
    cursor = read(docs)[1]
    api.behave()
    read(docs, cursor)
    assert f"from={sent}" in api.asked()[0]


@pytest.mark.parametrize(
    ("form", "said"), [("iso", "0001-01-01T00:00:00Z"), ("epoch_s", "nan"), ("epoch_s", "inf"), ("epoch_ms", -1)]
)
def test_what_is_no_time_moves_no_mark(api: JsonApi, form: str, said: Any) -> None:
    """``0001-01-01`` is how Go says that there is none."""
    for record in api.records.values():
        record["at"] = said
    docs = source(api, incremental={"param": "from", "field": "at", "format": form})
    assert "no record has a time at 'at'" in str(failure(docs))
    api.records["3"]["at"] = "2026-03-01T00:00:00Z" if form == "iso" else 1_772_323_200_000
    cursor = read(docs)[1]
    assert len(read(docs, cursor)[0]) == 8
    for no_mark in (math.nan, -62_135_596_800.0):  # as one was kept before this was looked at
        assert read(docs, {**cursor, "newest": no_mark})[2] is True
