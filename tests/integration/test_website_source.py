"""A website as a source, on a real HTTP server on loopback: sitemaps, robots.txt, conditions, what a site may try."""

from __future__ import annotations

import gzip
import re
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from requests import Request
from tenacity import RetryCallState, Retrying

from penstock import maintenance, provenance
from penstock.errors import ConfigError, FetchError, ListingError, TransientFetchError
from penstock.http_settings import WebsiteSource
from penstock.records import Reason, Refusal
from penstock.retrieval import search
from penstock.settings import Settings
from penstock.sources import Source, TooLargeError, open_source
from penstock.sources.http.addresses import is_public
from penstock.sources.http.errors import HttpError
from penstock.sources.http.session import PoliteSession
from penstock.sources.http.waiting import pause_s
from support import s3_proxy as faults
from support.certificates import self_signed
from support.s3_proxy import Answer, Fault, refused, serving
from support.web import WebServer, WebWorkspace

pytestmark = pytest.mark.server
URLS = '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{}</urlset>'
INDEX = '<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{}</sitemapindex>'
MENU = "<nav><a href='/'>Home</a> <a href='/mills'>All our mills</a></nav>"
STORY = "It was built in 1790 beside the weir, and it has ground rye for the whole valley ever since. " * 4


def page(title: str, text: str = STORY) -> str:
    article = f"<article><h1>{title}</h1><p>{title} stands by the river.</p><p>{text}</p></article>"
    return f"<!doctype html><html><head><title>{title}</title></head><body>{MENU}<main>{article}</main></body></html>"


class Site(WebServer):
    """``name`` puts pages into the sitemap: path → lastmod, or ``None``."""

    def name(self, **pages: str | None) -> None:
        found = "".join(self._entry(f"/{path}", at) for path, at in pages.items())
        self.put("/sitemap.xml", URLS.format(found), "application/xml")

    def _entry(self, path: str, at: str | None) -> str:
        return f"<url><loc>{self.url}{path}</loc>" + (f"<lastmod>{at}</lastmod>" if at else "") + "</url>"


@pytest.fixture
def site() -> Iterator[Site]:
    with Site.serve() as server:
        for name in ("upper", "middle", "lower"):
            server.put(f"/{name}", page(f"{name.title()} mill"))
        server.name(upper="2026-03-01", middle=None, lower=None)
        yield server


def options(site: Site, **more: Any) -> dict[str, Any]:
    return {
        "type": "website",
        "sitemap": f"{site.url}/sitemap.xml",
        "when_silent": ["public"],
        "requests_per_second": 1000,
        "tries": 1,
        "allow_private_addresses": True,
        **more,
    }


def source(site: Site, **more: Any) -> Source:
    return open_source("docs", Settings(sources={"docs": options(site, **more)}).sources["docs"])


def keys(site: Site, **more: Any) -> list[str]:
    return [item.key.removeprefix(site.url) for item in source(site, **more).list()]


def failure(site: Site, **more: Any) -> ListingError:
    with pytest.raises(ListingError) as caught:
        keys(site, **more)
    assert str(caught.value).endswith("; nothing is removed")
    return caught.value


Make = Callable[..., WebWorkspace]


@pytest.fixture
def make(site: Site, tmp_path: Path, pools: Any) -> Iterator[Make]:
    made: list[WebWorkspace] = []

    def make_one(**more: Any) -> WebWorkspace:
        made.append(WebWorkspace(tmp_path / str(len(made)), pools, options(site, **more)))
        return made[-1]

    yield make_one
    for one in made:
        one.platform.close()


def served(w: WebWorkspace) -> str:
    return "\n".join(hit.text for hit in search(w.platform, "main", "a", k=1000, mode="vector").hits)


# Whole syncs


def test_an_unchanged_site_costs_a_sitemap_and_a_condition_for_each_page_without_a_date(make: Make, site: Site) -> None:
    w = make()
    first = w.sync()
    assert (first.state, first.counts["new"]) == ("published", 3)
    assert site.asked() == ["/sitemap.xml", "/robots.txt", "/middle", "/lower", "/upper"]
    assert "Upper mill stands by the river." in served(w)
    assert "All our mills" not in served(w)  # the menu is no part of the page
    site.behave()
    again = w.sync()
    assert (again.state, again.counts["work"]) == ("unchanged", 0)
    assert site.asked() == ["/sitemap.xml", "/robots.txt", "/middle", "/lower"]
    assert all("if-none-match" in request.headers for request in site.requests[2:])


def test_a_page_that_changed_and_one_that_is_gone(make: Make, site: Site) -> None:
    w = make()
    w.sync()
    site.put("/upper", page("Upper mill", "It burnt down in the night of the flood, and nobody built it again. " * 5))
    site.put("/middle", page("Middle mill", "It was sold to the brothers Amsel, who grind spelt in it now. " * 5))
    site.name(upper="2026-04-01", middle=None)
    report = w.sync()
    assert (report.counts["changed"], report.counts["removed"]) == (2, 1)
    assert "brothers Amsel" in served(w)
    assert "It burnt down" in served(w)
    assert "Lower mill" not in served(w)
    assert maintenance.verify(w.platform, "main") == []
    assert w.sync().state == "unchanged"


def test_a_date_of_the_server_will_do_where_there_is_no_etag(make: Make, site: Site) -> None:
    date = "Sat, 07 Mar 2026 10:00:00 GMT"

    def dated(request: faults.Request) -> Answer:
        if request.headers.get("if-modified-since") == date:
            return Answer(304, {}, b"")
        return Answer(200, {"Content-Type": "text/html", "Last-Modified": date, "ETag": ""}, page("Dated").encode())

    site.routes["/middle"] = site.routes["/lower"] = dated
    w = make()
    w.sync()
    site.behave()
    assert w.sync().state == "unchanged"
    assert [request.headers.get("if-modified-since") for request in site.requests[2:]] == [date, date]


@pytest.mark.parametrize("fault", [refused(500), refused(404), faults.broken_off, faults.cut_short])
def test_a_page_that_cannot_be_had_stays_as_it_was(make: Make, site: Site, fault: Fault) -> None:
    w = make()
    w.sync()
    before = served(w)
    site.put("/middle", page("Middle mill", "It was sold to the brothers Amsel, who grind spelt in it now. " * 5))
    site.play(fault, "/middle")
    report = w.sync()
    assert (report.counts["deferred"], report.counts["removed"]) == (1, 0)
    assert served(w) == before
    site.behave()
    assert w.sync().counts["changed"] == 1
    assert "brothers Amsel" in served(w)


def test_a_site_that_cannot_be_listed_loses_nothing(make: Make, site: Site) -> None:
    w = make()
    w.sync()
    before = served(w)
    for fault, path in ((refused(500), "sitemap"), (faults.cut_short, "sitemap"), (refused(503), "robots")):
        site.behave()
        site.play(fault, path)
        with pytest.raises(ListingError):
            w.sync()
        assert served(w) == before
    site.behave()
    assert w.sync().state == "unchanged"


def test_a_page_of_another_host_waits_in_quarantine_and_names_it(make: Make, site: Site) -> None:
    site.put(
        "/sitemap.xml", URLS.format(f"<url><loc>{site.url}/upper</loc></url><url><loc>https://x.example/a</loc></url>")
    )
    w = make()
    w.sync()
    (one,) = provenance.quarantine(w.platform)
    assert (one["key"], one["reason"]) == ("https://x.example/a", Reason.SOURCE_ERROR)
    assert "add 'x.example' to sources.docs.hosts, or exclude it" in str(one)


def test_a_page_without_an_address_of_the_web_waits_in_quarantine(site: Site) -> None:
    wrong = ["http://[bad/", "https://\u2100.example/", "http://host:99999/x", "ftp://host/x", "/upper"]
    site.put("/sitemap.xml", URLS.format("".join(f"<url><loc>{one}</loc></url>" for one in [*wrong, site.url])))
    site.put("/", page("Home"))
    found = {item.key: item.problem for item in source(site).list()}
    problem = Refusal(Reason.SOURCE_ERROR, "its address is none of the web", "mend it in the sitemap")
    assert found == {**dict.fromkeys(wrong, problem), site.url: None}


# Sitemaps


def test_sitemaps_of_sitemaps_and_gzip_are_read_and_no_page_twice(site: Site) -> None:
    def listed(*paths: str) -> str:
        return URLS.format("".join(f"<url><loc>{site.url}{path}</loc></url>" for path in paths))

    names = "".join(f"<sitemap><loc>{site.url}/{name}</loc></sitemap>" for name in ("a.xml.gz", "b.xml", "sitemap.xml"))
    site.put("/sitemap.xml", INDEX.format(names), "application/xml")
    site.put("/a.xml.gz", gzip.compress(listed("/upper", "/middle").encode()), "application/gzip")
    site.put("/b.xml", listed("/middle", "/lower#foot"), "application/xml")
    assert sorted(keys(site)) == ["/lower", "/middle", "/upper"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>Welcome</html>", "/sitemap.xml is no sitemap, or not the whole of one"),
        (URLS.format("<url><loc>http://x/").encode()[:90], "is no sitemap, or not the whole of one"),
        (b"", "is no sitemap, or not the whole of one"),
        (gzip.compress(URLS.format("").encode())[:-10], "is not a whole gzip file"),
        (gzip.compress(b" " * (51 * 2**20)), "has more than 52,428,800 bytes; raise max_bytes"),
    ],
    ids=["html", "cut", "empty", "cut-gzip", "bomb"],
)
def test_what_is_no_whole_sitemap_lists_nothing(site: Site, body: bytes, said: str) -> None:
    site.put("/sitemap.xml", body, "application/xml")
    assert said in str(failure(site))


def test_entities_of_a_sitemap_are_not_followed(site: Site, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hush")
    for at in (secret.as_uri(), f"{site.url}/upper"):
        site.behave()
        entity = f'<!DOCTYPE urlset [<!ENTITY e SYSTEM "{at}">]>'
        site.put("/sitemap.xml", entity + URLS.format(f"<url><loc>{site.url}/&e;</loc></url>"), "application/xml")
        assert all("hush" not in key for key in keys(site))
        assert site.asked("/upper") == []


def test_a_sitemap_of_sitemaps_that_names_no_address_lists_nothing(site: Site) -> None:
    site.put("/sitemap.xml", INDEX.format("<sitemap><loc>http://[bad/</loc></sitemap>"), "application/xml")
    assert "an address that cannot be read will not do as an address; write https://host/path" in str(failure(site))


def test_sitemaps_without_end_are_noticed(site: Site) -> None:
    for n in range(5):
        name = "/sitemap.xml" if n == 0 else f"/{n}.xml"
        site.put(name, INDEX.format(f"<sitemap><loc>{site.url}/{n + 1}.xml</loc></sitemap>"), "application/xml")
    assert "/sitemap.xml names sitemaps without end; name one of those that hold pages" in str(failure(site))


def test_more_pages_than_allowed_are_said(site: Site) -> None:
    assert "the sitemap names more than 2 pages; raise max_pages" in str(failure(site, max_pages=2))


def test_include_and_exclude_look_at_the_path(site: Site) -> None:
    assert keys(site, exclude=["/upper"]) == ["/middle", "/lower"]
    assert keys(site, include=["/l*"]) == ["/lower"]


# robots.txt


def test_what_robots_txt_forbids_is_not_asked_for(site: Site) -> None:
    site.put("/robots.txt", "User-agent: *\nDisallow: /*per\n\nUser-agent: penstock\nDisallow: /mid\n", "text/plain")
    assert keys(site) == ["/upper", "/lower"]
    assert keys(site, user_agent="somebody") == ["/middle", "/lower"]
    assert {request.headers["user-agent"] for request in site.requests} == {"penstock", "somebody"}


def test_no_robots_txt_allows_all_and_one_that_cannot_be_read_nothing(site: Site) -> None:
    assert len(keys(site)) == 3
    for status in (500, 429):
        site.behave()
        site.play(refused(status), "/robots.txt")
        assert failure(site).transient
        assert site.asked("/upper") == []


def test_a_crawl_delay_is_obeyed_and_one_that_nobody_outlives_ends_the_listing(site: Site) -> None:
    site.put("/robots.txt", "User-agent: *\nCrawl-delay: 0.3\n", "text/plain")
    began = time.monotonic()
    assert len(keys(site)) == 3
    assert time.monotonic() - began >= 0.3  # two of the pages are asked for
    site.put("/robots.txt", "User-agent: *\nCrawl-delay: 1e9\n", "text/plain")
    error = failure(site, max_wait_s=60)
    assert "the site asks for 1e+09 s between two requests, more than max_wait_s = 60; raise max_wait_s" in str(error)
    assert not error.transient


# Where a request may lead, and what may come back


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_private_addresses_are_refused(site: Site, scheme: str) -> None:
    """Over https before the server, which speaks no TLS, is greeted."""
    site.url = site.url.replace("http://127.0.0.1", f"{scheme}://localhost")
    error = failure(site, allow_private_addresses=False)
    assert "localhost is at 127.0.0.1, which is a private address; set allow_private_addresses = true" in str(error)
    assert site.requests == []


PRIVATE = (
    "10.1.2.3 172.16.0.1 192.168.0.1 127.8.8.8 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1 "
    "::1 fe80::1%eth0 fc00::1 ::ffff:192.168.0.1 64:ff9b::7f00:1 2002:7f00:1:: :: ff02::1 "
    "fec0::1 64:ff9b:1::a00:1 ::127.0.0.1 ::ffff:0:127.0.0.1 ::8.8.8.8 5f00::1"
)


PUBLIC = "8.8.8.8 2606:4700:4700::1111 ::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::"


@pytest.mark.parametrize("address", PUBLIC.split())
def test_which_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", PRIVATE.split())
def test_which_addresses_are_private(address: str) -> None:
    assert not is_public(address)


def test_a_redirect_to_another_host_is_not_followed_and_one_within_is(site: Site) -> None:
    docs = source(site)
    upper = next(item for item in docs.list() if item.key.endswith("/upper"))
    site.play(lambda *_: Answer(301, {"Location": "/middle"}, b""), "/upper", times=1)
    assert b"Middle mill" in docs.fetch(upper).data
    with Site.serve() as other:
        other.put("/upper", page("Elsewhere"))
        site.play(lambda *_: Answer(302, {"Location": f"{other.url}/upper"}, b""), "/upper")
        with pytest.raises(FetchError, match="/upper lies elsewhere than the source; name its host, if it is meant"):
            docs.fetch(upper)
        assert other.requests == []
        named = source(site, hosts=[other.url.removeprefix("http://")])
        assert b"Elsewhere" in named.fetch(upper).data


@pytest.mark.parametrize("target", ["http://[bad", "http://host:99999/", "/caf\xe9"])
def test_a_redirect_to_what_is_no_address_is_said(site: Site, target: str) -> None:
    docs = source(site)
    upper = next(item for item in docs.list() if item.key.endswith("/upper"))
    site.play(lambda *_: Answer(302, {"Location": target}, b""), "/upper")
    with pytest.raises(FetchError, match="/upper leads on to what is no address; mend the server's redirect"):
        docs.fetch(upper)
    site.play(lambda *_: Answer(302, {"Location": target}, b""), "/robots.txt")
    assert "/robots.txt leads on to what is no address" in str(failure(site))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"sitemap": "http://host:99999/a.xml"},
            "'http://host:99999/a.xml' is not an address; write https://host/path",
        ),
        ({"sitemap": "http://[bad/a.xml"}, "'http://[bad/a.xml' is not an address; write https://host/path"),
        ({"user_agent": "pen\nstock"}, "'pen\\nstock' cannot be sent in a header; write it on one line"),
        ({"user_agent": "\u20ac"}, "'\u20ac' cannot be sent in a header"),
    ],
)
def test_what_cannot_be_asked_is_an_error_of_the_configuration(site: Site, settings: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        source(site, **settings)


def test_a_header_that_cannot_be_sent_is_named_and_never_its_value(site: Site) -> None:
    settings = WebsiteSource.model_validate(options(site))
    session = PoliteSession(settings, site.url)
    for headers, said in (
        ({"X-Key": "hush\n"}, "the header X-Key holds a line break"),
        ({"X-Key": "hush\u20ac"}, "the header X-Key holds"),
        ({"X Key": "hush"}, "'X Key' will not do as the name of a header"),
    ):
        with pytest.raises(HttpError, match=said) as caught:
            session.prepare_request(Request("GET", site.url, headers=headers))
        assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://nowhere.invalid", "its host is not known; check the address and the name service"),
        ("http://127.0.0.1:1", "nothing answers there; check the address and its port, or try again"),
        ("https://{site}", "no TLS connection was made; check whether it speaks https, or try again"),
    ],
    ids=["unknown", "refused", "no-tls"],
)
def test_a_connection_that_is_never_made_says_what_to_check(site: Site, address: str, said: str) -> None:
    sitemap = address.format(site=site.url.removeprefix("http://")) + "/sitemap.xml"
    error = failure(site, sitemap=sitemap)
    assert f"{sitemap}: {said}" in str(error)
    assert error.transient


def test_a_certificate_that_nobody_vouches_for_is_said(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.certificate, tls.key)
    with serving(site, context) as site.url:
        site.name(upper="2026-03-01")
        error = failure(site)
        assert "/sitemap.xml: its certificate does not hold; mend it, or REQUESTS_CA_BUNDLE" in str(error)
        assert not error.transient
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls.certificate))
        assert keys(site) == ["/upper"]


def test_workers_that_are_told_the_same_do_not_come_back_together(site: Site) -> None:
    """And none of them before it was told to."""
    retrying = Retrying()
    state = RetryCallState(retrying, None, (), {})
    asked = HttpError("busy", "try again", transient=True, status=429, wait_s=60)
    state.set_exception((HttpError, asked, None))
    waits = {pause_s(state) for _ in range(20)}
    assert len(waits) > 1
    assert all(60 <= wait <= 67 for wait in waits)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_certificates_that_cannot_be_read_are_said(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_text(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with pytest.raises(ConfigError, match=f"REQUESTS_CA_BUNDLE names '{bundle}', which cannot be read as certificates"):
        source(site)


def test_redirects_without_end_end(site: Site) -> None:
    docs = source(site)
    upper = next(item for item in docs.list() if item.key.endswith("/upper"))
    rule = site.play(lambda *_: Answer(302, {"Location": "/upper"}, b""), "/upper")
    with pytest.raises(FetchError, match=r"did not answer as expected \(302\)"):
        docs.fetch(upper)
    assert rule.played == 6


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (
            Answer(200, {"Content-Type": "application/pdf"}, b"%PDF-"),
            FetchError,
            "is application/pdf, not text/html",
        ),
        (Answer(200, {}, b"<p>Hello"), FetchError, "is of no type, not text/html or"),
        (Answer(200, {"Content-Type": "text/html"}, b"x" * 3000), TooLargeError, "more than max_bytes = 2,000"),
        (
            Answer(200, {"Content-Type": "text/html", "Content-Encoding": "gzip"}, gzip.compress(b"x" * 10**6)),
            TooLargeError,
            "more than max_bytes = 2,000",
        ),
        (Answer(302, {"Location": "/middle"}, b"x" * 3000), TooLargeError, "more than max_bytes = 2,000"),
        (Answer(200, {"Content-Type": "text/html"}, b"x" * 999, sent=10), TransientFetchError, "broke off"),
        (
            Answer(200, {"Content-Type": "text/html", "Content-Encoding": "gzip"}, b"<p>Hello</p>"),
            TransientFetchError,
            "is not gzip",
        ),
    ],
    ids=["pdf", "no-type", "large", "bomb", "large-redirect", "cut", "no-gzip"],
)
def test_what_comes_back_is_looked_at(site: Site, answer: Answer, kind: type[FetchError], said: str) -> None:
    docs = source(site, max_bytes=2000)
    upper = next(item for item in docs.list() if item.key.endswith("/upper"))
    site.routes["/upper"] = lambda _: answer
    with pytest.raises(FetchError) as caught:
        docs.fetch(upper)
    assert type(caught.value) is kind
    assert said in str(caught.value)
