"""Embedders behind an API, with the real clients, against a server on loopback that also misbehaves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penstock.embedding import embedder_fingerprint
from penstock.embedding.api import ApiEmbedder
from penstock.embedding.folder import open_folder
from penstock.embedding.hashing import HashingEmbedder
from penstock.errors import ConfigError, ModelError, TransientModelError
from penstock.settings import ApiEmbedderSettings, EmbedderSettings
from penstock.sources import connection_from_environment
from support.model_api import COHERE_MODEL, DIMENSION, KEY, OPENAI_MODEL, Fault, ModelApi, model_api, use_our_key

TEXTS = ["the gate is open", "quarterly revenue rose", "the gate is shut"]
BUSY: dict[str, Any] = {"message": "You are past the per minute request limit, please wait and try again later."}


@pytest.fixture
def api() -> Iterator[ModelApi]:
    with model_api() as server:
        yield server


@pytest.fixture(autouse=True)
def _a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    use_our_key(monkeypatch)


class Opened:
    """An embedder of a backend on the server, and the seconds that it waited instead of sleeping."""

    def __init__(self, backend: str, api: ModelApi, **options: Any) -> None:
        cohere = backend == "cohere"
        model = {"model": COHERE_MODEL if cohere else OPENAI_MODEL, "dimension": DIMENSION}
        address = api.url if cohere else f"{api.url}/v1"
        self.settings = ApiEmbedderSettings(backend=backend, **{**model, "base_url": address, **options})
        self.waited: list[float] = []
        self.embedder = ApiEmbedder(self.settings, connection_from_environment, sleep=self.waited.append)


@pytest.fixture(params=["cohere", "openai"])
def opened(request: pytest.FixtureRequest, api: ModelApi) -> Callable[..., Opened]:
    return lambda **options: Opened(request.param, api, **options)


Open = Callable[..., Opened]


def test_vectors_come_in_the_order_of_the_texts_and_of_length_1(opened: Open) -> None:
    vectors = opened().embedder.embed_documents(TEXTS)
    expected = HashingEmbedder(EmbedderSettings(backend="hashing")).embed_documents(TEXTS)
    assert (vectors.dtype, vectors.shape) == (np.float32, (3, DIMENSION))
    np.testing.assert_allclose(vectors, expected, atol=1e-6)
    np.testing.assert_allclose(opened().embedder.embed_query(TEXTS[1]), expected[1], atol=1e-6)
    assert opened().embedder.embed_documents([]).shape == (0, DIMENSION)


def test_cohere_is_told_what_a_text_is_for_and_to_truncate_nothing(api: ModelApi) -> None:
    embedder = Opened("cohere", api).embedder
    embedder.embed_documents(["a", "lone \ud800 surrogate"])
    embedder.embed_query("why?")
    document, query = (asked.body for asked in api.asked)
    assert document == {
        "model": COHERE_MODEL,
        "texts": ["a", "lone ? surrogate"],
        "input_type": "search_document",
        "embedding_types": ["float"],
        "truncate": "NONE",
    }
    assert (query["texts"], query["input_type"]) == (["why?"], "search_query")


def test_openai_is_told_by_prompts_what_a_text_is_for(api: ModelApi) -> None:
    embedder = Opened("openai", api, query_prompt="query: ", document_prompt="passage: ").embedder
    embedder.embed_documents(["a"])
    embedder.embed_query("why?")
    assert api.asked[0].body == {"model": OPENAI_MODEL, "input": ["passage: a"], "encoding_format": "float"}
    assert api.asked[1].body["input"] == ["query: why?"]


def test_a_shorter_vector_is_asked_for_only_where_the_settings_say_so(opened: Open, api: ModelApi) -> None:
    short = opened(dimension=64, shorten=True).embedder
    assert short.embed_query("a").shape == (64,)
    sent = api.asked[0].body
    assert sent.get("output_dimension", sent.get("dimensions")) == 64
    with pytest.raises(ModelError) as error:
        opened(dimension=64).embedder.embed_query("a")
    assert "vectors of 256 dimensions where embedder.dimension = 64: write 256 there, or shorten = true" in str(
        error.value
    )


def test_no_request_holds_more_texts_or_tokens_than_the_api_takes(opened: Open, api: ModelApi) -> None:
    embedder = opened().embedder
    assert embedder.embed_documents([f"text {n}" for n in range(200)]).shape == (200, DIMENSION)
    assert [len(one.body.get("texts", one.body.get("input"))) for one in api.asked] == [96, 96, 8]
    long = ["x" * 100_000, "x" * 100_000, "x" * 100_000, "y"]
    assert embedder.batches(long) == [slice(0, 2), slice(2, 4)]
    assert opened(budget_tokens=1000).embedder.batches(["x" * 200] * 3 + ["y"]) == [
        slice(0, 1), slice(1, 2), slice(2, 4),
    ]  # fmt: skip


def test_a_busy_api_is_asked_again_after_the_wait_that_it_asks_for(opened: Open, api: ModelApi) -> None:
    one = opened()
    api.faults.extend(
        [Fault(429, BUSY, {"Retry-After": "20"}), Fault(429, BUSY, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"})]
    )
    assert one.embedder.embed_documents(TEXTS).shape == (3, DIMENSION)
    first, second = one.waited
    assert 20 <= first <= 23
    assert 0 <= second <= 1  # a moment that is past
    assert len(api.asked) == 3  # every try is ours: the SDK made none of its own


def test_without_a_wait_to_keep_to_it_backs_off_with_jitter(opened: Open, api: ModelApi) -> None:
    one = opened()
    api.faults.extend([Fault(429, BUSY), Fault(500, {"message": "internal server error"}), Fault(503, b"<html>")])
    one.embedder.embed_documents(TEXTS)
    assert len(one.waited) == 3
    assert all(2**n / 2 <= wait <= 2**n for n, wait in enumerate(one.waited))
    assert len(set(one.waited)) == 3


def test_a_limit_of_requests_a_minute_is_outlasted(opened: Open, api: ModelApi) -> None:
    one = opened()
    api.faults.extend([Fault(429, BUSY)] * (one.settings.tries - 1))
    assert one.embedder.embed_documents(TEXTS).shape == (3, DIMENSION)
    assert sum(one.waited) > 60


def test_patience_ends(opened: Open, api: ModelApi) -> None:
    one = opened(tries=3)
    api.faults.extend([Fault(500, {"message": "internal server error"})] * 3)
    with pytest.raises(TransientModelError, match=r"has no time now \(500: internal server error\); try again later"):
        one.embedder.embed_documents(TEXTS)
    assert (len(api.asked), len(one.waited)) == (3, 2)
    api.faults.append(Fault(429, BUSY, {"Retry-After": "3600"}))
    with pytest.raises(TransientModelError):
        one.embedder.embed_documents(TEXTS)
    assert len(one.waited) == 2  # nobody waits an hour inside a request


def test_a_question_is_not_kept_waiting_long(opened: Open, api: ModelApi) -> None:
    api.faults.extend([Fault(500, {"message": "no"})] * 5)
    with pytest.raises(TransientModelError):
        opened().embedder.embed_query("why?")
    assert len(api.asked) == 2


@pytest.mark.parametrize("fault", [Fault(cut=True), Fault(delay_s=1.5), Fault(spoil=lambda _: b'{"embeddi')])
def test_an_answer_that_breaks_off_is_late_or_no_json_is_asked_for_again(
    opened: Open, api: ModelApi, fault: Fault
) -> None:
    one = opened(timeout_s=0.5)
    api.faults.append(fault)
    assert one.embedder.embed_documents(TEXTS).shape == (3, DIMENSION)
    assert (len(api.asked), len(one.waited)) == (2, 1)


def test_a_server_that_is_not_there_is_transient(opened: Open) -> None:
    one = opened(base_url="http://127.0.0.1:9", tries=2)
    with pytest.raises(
        TransientModelError, match=r"at http://127\.0\.0\.1:9 did not answer \(ConnectError: .*base_url"
    ):
        one.embedder.embed_documents(TEXTS)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (
            Fault(401, {"message": "invalid api token"}),
            r"refused the key \(401: invalid api token\); check the key in C?O",
        ),
        (Fault(403, {"message": "not yours"}), r"refused the key \(403: not yours\); check the key in C?O"),
        (Fault(402, {"message": "pay"}), r"asks for payment \(402: pay\); see to the account of this key"),
        (Fault(404, {"message": "gone"}), r"knows no model '.*' \(404: gone\); check model and base_url"),
        (Fault(413, {"message": "large"}), r"takes no request that large \(413: large\); lower embedder\.batch_texts"),
        (Fault(400, {"message": "too many tokens"}), r"\(400: too many tokens\).* lower chunker\.max_tokens, or name"),
        (Fault(422, {"detail": [{"msg": "bad", "input": "the gate"}]}), r"\(422: bad\); check its settings"),
        (Fault(301, None, {"location": "http://elsewhere.invalid/"}), r"with a redirect \(301\); write where it leads"),
        (Fault(307, None), r"answered with a redirect \(307\); write where it leads in base_url"),
        (Fault(501, {"message": "no"}), r"\(501: no\); check its settings"),
        (Fault(429, {"error": {"message": "quota", "code": "insufficient_quota"}}), r"no credit left for this key"),
    ],
)
def test_what_another_try_would_not_mend_fails_at_once_with_the_fix(
    opened: Open, api: ModelApi, fault: Fault, message: str
) -> None:
    one = opened(tries=2)
    api.faults.append(fault)
    with pytest.raises(ModelError, match=message) as error:
        one.embedder.embed_documents(TEXTS)
    assert not isinstance(error.value, TransientModelError)
    assert "the gate" not in str(error.value)
    assert len(api.asked) == 1


def test_an_unknown_model_and_a_wrong_key_are_told_by_the_server_itself(opened: Open, api: ModelApi) -> None:
    with pytest.raises(ModelError, match=r"knows no model 'embed-v9' \(404: .*embed-v9.*\); check model and base_url"):
        opened(model="embed-v9").embedder.embed_query("a")
    api.key = "another"
    with pytest.raises(ModelError, match=r"refused the key \(401: invalid api token: Bearer \[key\]\)") as error:
        opened().embedder.embed_query("a")
    assert KEY not in str(error.value)


def spoiled(change: Callable[[list[list[float]]], object]) -> Callable[[dict[str, Any]], Any]:
    """A fault that changes the vectors of either API's answer."""

    def spoil(body: dict[str, Any]) -> Any:
        if "embeddings" in body:
            change(body["embeddings"]["float"])
        else:
            vectors = [one["embedding"] for one in body["data"]]
            change(vectors)
            body["data"] = [{"index": n, "embedding": vector} for n, vector in enumerate(vectors)]
        return body

    return spoil


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.pop(), "2 vectors for 3 texts"),
        (lambda rows: rows.append(rows[0]), "4 vectors for 3 texts"),
        (lambda rows: rows[1].pop(), "vectors of 255 dimensions where embedder.dimension = 256"),
        (lambda rows: rows[1].__setitem__(7, math.nan), "vectors that are not finite or have no direction"),
        (lambda rows: rows[1].__setitem__(7, math.inf), "vectors that are not finite or have no direction"),
        (lambda rows: rows.__setitem__(1, [0.0] * DIMENSION), "vectors that are not finite or have no direction"),
        (lambda rows: rows[1].__setitem__(7, None), "vectors that are not finite or have no direction"),
        (lambda rows: rows[1].__setitem__(7, "much"), "vectors that are not all numbers"),
        (lambda rows: rows[1].__setitem__(7, 10**400), "vectors that are not all numbers"),
        (lambda rows: rows.__setitem__(slice(None), [[[1.0]] * DIMENSION] * 3), "vectors that are not all numbers"),
        (lambda rows: rows.__setitem__(1, None), "vectors that are no lists of numbers"),
        (lambda rows: rows.__setitem__(slice(None), ["AACAPwAAAEA="] * 3), "vectors that are no lists of numbers"),
    ],
)
def test_a_paid_answer_that_cannot_be_used_is_refused_and_not_paid_for_twice(
    opened: Open, api: ModelApi, change: Callable[[list[list[float]]], object], message: str
) -> None:
    one = opened()
    api.faults.append(Fault(spoil=spoiled(change)))
    with pytest.raises(ModelError) as error:
        one.embedder.embed_documents(TEXTS)
    assert message in str(error.value)
    who = f"Cohere at {api.url}" if one.settings.backend == "cohere" else f"the server at {api.url}/v1"
    assert str(error.value).startswith(f"{who} answered ")
    assert len(api.asked) == 1


@pytest.mark.parametrize("answer", [[], "fine", {}, {"embeddings": None, "data": 3}, {"data": [{}], "embeddings": {}}])
def test_an_answer_of_another_shape_is_refused(opened: Open, api: ModelApi, answer: Any) -> None:
    one = opened(tries=1)
    api.faults.append(Fault(spoil=lambda _: answer))
    with pytest.raises(ModelError, match=r"no vectors for 1 texts|answered (no JSON|something else than)"):
        one.embedder.embed_documents(["a"])


def test_openai_places_that_are_none_are_refused(api: ModelApi) -> None:
    api.faults.append(Fault(spoil=lambda body: {**body, "data": [{**body["data"][0], "index": []}]}))
    with pytest.raises(ModelError, match=f"^the server at {api.url}/v1 answered no vectors for 1 texts"):
        Opened("openai", api).embedder.embed_documents(["a"])


@pytest.mark.parametrize("status", [200, 400])
def test_json_that_is_nested_too_deep_is_refused_and_not_paid_for_twice(
    opened: Open, api: ModelApi, status: int
) -> None:
    deep = b"[" * 5000 + b"]" * 5000
    api.faults.append(Fault(status, deep, spoil=lambda _: deep))
    with pytest.raises(ModelError, match=r"answered (JSON that is nested too deep|something else than its API)"):
        opened().embedder.embed_documents(["a"])
    assert len(api.asked) == 1


def test_a_message_is_looked_for_a_few_levels_down(opened: Open, api: ModelApi) -> None:
    api.faults.append(Fault(400, b'{"error":' * 900 + b'"deep"' + b"}" * 900))
    with pytest.raises(ModelError, match=r"was asked \(400\); check its settings"):
        opened().embedder.embed_documents(["a"])


class TestTokens:
    def test_a_text_that_is_too_long_never_leaves(self, opened: Open, api: ModelApi) -> None:
        with pytest.raises(ModelError) as error:
            opened().embedder.embed_documents(["fine", "word " * 600])
        assert str(error.value) == (
            f"a text of 600 tokens (3000 characters) is more than {opened().settings.model!r} reads "
            "(embedder.max_tokens = 512): lower chunker.max_tokens, or name the model's tokenizer.json "
            "(embedder.tokenizer)"
        )
        assert api.asked == []

    def test_a_question_that_is_too_long_says_so(self, opened: Open, api: ModelApi) -> None:
        with pytest.raises(ModelError, match=r"\(embedder.max_tokens = 512\): ask a shorter question"):
            opened().embedder.embed_query("why? " * 600)
        assert api.asked == []

    def test_one_that_only_the_api_finds_too_long_is_refused_there(self, api: ModelApi) -> None:
        with pytest.raises(ModelError, match=r"\(400: too many tokens: a text cannot exceed 512 - received 600\)"):
            Opened("cohere", api, max_tokens=128_000).embedder.embed_documents(["word " * 600])

    def test_the_estimate_is_on_the_safe_side_of_a_real_tokenizer(self, opened: Open) -> None:
        folder = open_folder(EmbedderSettings().model)
        with_file, without = opened(tokenizer=folder.tokenizer).embedder, opened().embedder
        pages = [path.read_text() for path in (Path(__file__).parents[3] / "include/samples/handbook").rglob("*.md")]
        counted = sum(map(len, with_file.tokenizer.spans(pages)))
        estimated = sum(map(len, without.tokenizer.spans(pages)))
        assert counted < estimated < 1.6 * counted
        (bytes_,) = (sum(without._bounds([page])) for page in pages[:1])
        assert with_file._bounds(pages[:1])[0] < bytes_

    def test_what_cuts_chunks_has_a_name_of_its_own(self, opened: Open) -> None:
        folder = open_folder(EmbedderSettings().model)
        plain, file, long = opened(), opened(tokenizer=folder.tokenizer), opened(max_tokens=1024)
        assert len({one.embedder.tokenizer_fingerprint for one in (plain, file, long)}) == 3
        assert len({one.embedder.fingerprint for one in (plain, file, long)}) == 1
        with pytest.raises(ModelError, match=r"there is no tokenizer at nowhere\.json; embedder\.tokenizer names"):
            opened(tokenizer="nowhere.json")


@pytest.mark.parametrize("host", ["http://127.0.0.1:99999", "http://h:port", "http://[bad", "http://a..b", "https://"])
def test_an_address_that_is_none_is_told_before_anything_is_asked(opened: Open, host: str) -> None:
    settings = opened(base_url=None).settings
    with pytest.raises(ConfigError, match=r"the host of the connection '.*': this is no address of an API; write http"):
        ApiEmbedder(settings, lambda _: {"password": KEY, "host": host}).embed_query("a")


def test_the_fingerprint_names_model_dimension_and_prompts_and_not_the_address(opened: Open, api: ModelApi) -> None:
    one = opened()
    assert one.embedder.fingerprint == embedder_fingerprint(one.settings)
    same = opened(base_url="http://moved.example/v1", connection="other", budget_tokens=7, timeout_s=1, batch_texts=5)
    assert same.embedder.fingerprint == one.embedder.fingerprint
    others = [opened(model="m2"), opened(dimension=64), opened(query_prompt="q"), opened(document_prompt="d")]
    assert len({one.embedder.fingerprint, *(other.embedder.fingerprint for other in others)}) == 5
    assert (
        Opened("cohere", api, model="m").embedder.fingerprint != Opened("openai", api, model="m").embedder.fingerprint
    )


def test_runtime_says_who_was_asked_and_never_with_which_key(opened: Open) -> None:
    one = opened()
    runtime = one.embedder.runtime
    assert runtime["endpoint"] == one.settings.base_url
    assert runtime["model"] == one.settings.model
    assert runtime["library"].split()[0] == ("cohere" if one.settings.backend == "cohere" else "httpx")
    assert KEY not in f"{runtime}{one.embedder.__dict__}{one.settings!r}"


class TestAccess:
    """Where key and address come from."""

    def test_a_connection_holds_both_and_goes_before_the_environment(
        self, api: ModelApi, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        api.key = "from-the-connection"
        connection = f'{{"conn_type": "cohere", "password": " from-the-connection\\n", "host": "{api.url}/"}}'
        monkeypatch.setenv("AIRFLOW_CONN_COHERE_DEFAULT", connection)
        assert Opened("cohere", api, base_url=None).embedder.embed_query("a").shape == (DIMENSION,)
        monkeypatch.setenv("AIRFLOW_CONN_OURS", connection)
        monkeypatch.delenv("AIRFLOW_CONN_COHERE_DEFAULT")
        assert Opened("cohere", api, base_url=None, connection="ours").embedder.embed_query("a").shape == (DIMENSION,)

    def test_cohere_knows_two_names_of_the_variable(self, api: ModelApi, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("CO_API_KEY")
        monkeypatch.setenv("COHERE_API_KEY", KEY)
        assert Opened("cohere", api).embedder.embed_query("a").shape == (DIMENSION,)

    def test_a_server_of_ones_own_may_need_no_key(self, api: ModelApi, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("OPENAI_API_KEY")
        api.key = None
        assert Opened("openai", api).embedder.embed_query("a").shape == (DIMENSION,)
        assert api.asked[0].key == ""

    def test_without_a_key_it_says_where_one_goes(self, api: ModelApi, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("CO_API_KEY")
        monkeypatch.delenv("OPENAI_API_KEY")
        with pytest.raises(ConfigError) as error:
            Opened("cohere", api).embedder.embed_query("a")
        assert str(error.value) == (
            "embedder 'embed-v4.0': there is no key for Cohere: set CO_API_KEY or COHERE_API_KEY, or make it the "
            "password of the connection 'cohere_default' (AIRFLOW_CONN_COHERE_DEFAULT, or Airflow's own, which only "
            "its tasks see)"
        )
        with pytest.raises(ConfigError, match="there is no key for OpenAI: set OPENAI_API_KEY"):
            Opened("openai", api, base_url=None).embedder.embed_query("a")
        with pytest.raises(ConfigError, match="there is no connection 'ours'; set AIRFLOW_CONN_OURS"):
            Opened("openai", api, connection="ours").embedder.embed_query("a")

    def test_what_is_no_key_is_refused_before_a_header_could_show_it(
        self, api: ModelApi, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CO_API_KEY", f"{KEY}\nsecond line")
        with pytest.raises(ConfigError, match="what CO_API_KEY holds is no key") as error:
            Opened("cohere", api).embedder.embed_query("a")
        assert KEY not in str(error.value)

    @pytest.mark.parametrize(
        ("host", "url"),
        [("api.example.com", "https://api.example.com"), ("http://gateway:8080/v1/", "http://gateway:8080/v1")],
    )
    def test_the_host_of_a_connection_may_leave_out_the_scheme(self, api: ModelApi, host: str, url: str) -> None:
        settings = Opened("cohere", api, base_url=None).settings
        runtime = ApiEmbedder(settings, lambda _: {"password": "k", "host": host}).runtime
        assert runtime["endpoint"] == url
