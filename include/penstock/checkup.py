"""The doctor: is this installation able to run, here and on any other worker, and if not, what to mend."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from penstock import wording
from penstock.errors import ConfigError, PenstockError
from penstock.settings import Settings, load


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. ``state`` is ok, warn or bad."""

    name: str
    state: str
    detail: str
    remedy: str = ""


def examine(settings: Settings | None = None) -> list[Check]:
    """Run every check; one that fails does not stop the others."""
    try:
        settings = settings or load()
    except ConfigError as error:
        return [Check("configuration", "bad", str(error), "mend the file, then run `penstock doctor` again")]
    checks = [
        Check(
            "configuration",
            "ok",
            f"{settings.file}: {wording.count(len(settings.indexes), 'index', 'indexes')}, home {settings.home}",
        )
    ]
    checks += [_guarded(name, settings, check) for name, check in CHECKS.items()]
    checks += [Check(*one) for one in _sources(settings)]
    executor = os.environ.get("AIRFLOW__CORE__EXECUTOR", "LocalExecutor")
    checks.append(_guarded("shared stores", settings, lambda s: _shared(s, executor)))
    return checks


def _guarded(name: str, settings: Settings, check: Callable[[Settings], str]) -> Check:
    try:
        return Check(name, "ok", check(settings))
    except PenstockError as error:
        return Check(name, "bad", str(error))


def _catalog(settings: Settings) -> str:
    from penstock.catalog import Catalog

    catalog = Catalog(settings.catalog_url)
    with catalog.write() as connection:
        catalog.now(connection)
    return f"{catalog.where} at version {catalog.version()}"


def _lake(settings: Settings) -> str:
    from penstock.lake import Kind, Lake

    lake = Lake(settings.lake_url)
    lake.put(Kind.WORK, "doctor", b"well")
    read = lake.get(Kind.WORK, "doctor")
    lake.delete(Kind.WORK, ["doctor"])
    return f"{settings.lake_url}: wrote and read {len(read)} bytes"


def _index(settings: Settings) -> str:
    from penstock.platform import Platform

    platform = Platform(settings)
    try:
        platform.collection("doctor").exists()
    finally:
        platform.close()
    return f"{settings.index_url}: answers"


def _parser(settings: Settings) -> str:
    from penstock.parsing import ParseJob, ParserPool
    from penstock.records import Parsed

    with ParserPool(settings.parser.model_copy(update={"workers": 1})) as pool:
        for _job, result in pool.parse_many([ParseJob("doctor", "doctor.md", b"# Well\n\nAll is well.\n")]):
            if isinstance(result, Parsed):
                return f"a child parsed {len(result.elements)} elements with {result.parser}"
            raise ConfigError(f"a parser child refused a plain document: {result.reason}: {result.detail}")
    raise ConfigError("the parser child answered nothing")


def _embedders(settings: Settings) -> str:
    from penstock.platform import Platform
    from penstock.recipe import Recipe

    said, platform = [], Platform(settings)
    for model in {index.embedder for index in settings.indexes.values()}:
        embedder = platform.embedder(model)
        for name, index in settings.indexes.items():
            if index.embedder == model:
                Recipe.of(settings, name).require_room(embedder)
        runtime = ", ".join(f"{name} {value}" for name, value in embedder.runtime.items())
        said.append(f"{model.model}: {embedder.dimension} dimensions, fingerprint {embedder.fingerprint}, {runtime}")
    return "; ".join(said) or "no index is configured"


def _rerankers(settings: Settings) -> str:
    from penstock.reranking import open_reranker
    from penstock.settings import LocalRerankerSettings

    configured = {index.retrieval.rerank for index in settings.indexes.values() if index.retrieval.rerank}
    said = []
    for model in configured:
        if isinstance(model, LocalRerankerSettings):
            reranker = open_reranker(model)
            reranker.rerank("What is it?", ["It is this.", "It is that."])
            said.append(f"{reranker.name}: ranked 2 passages")
        else:
            said.append(f"{model.backend} {model.model}: not asked")
    return "; ".join(sorted(said)) or "none is configured"


def _gates(settings: Settings) -> str:
    for package in ("great_expectations", "ir_measures"):
        if importlib.util.find_spec(package) is None:
            raise ConfigError(f"{package} is not installed; run `pip install penstock` again")
    said = ["great-expectations is installed"]
    for name, index in settings.indexes.items():
        if index.gates.golden is not None:
            from penstock.evaluation import golden

            asked = golden.read(index.gates.golden).questions
            said.append(f"{name} is asked {wording.count(len(asked), 'golden question')}")
    return "; ".join(said)


def _shared(settings: Settings, executor: str) -> str:
    from penstock.steps import require_shared_stores

    require_shared_stores(settings, executor)
    return f"fit for {executor}"


def _python(_settings: Settings) -> str:
    if sys.version_info[:2] != (3, 11):
        raise ConfigError(f"this is Python {sys.version.split()[0]}; penstock is tested on 3.11")
    return sys.version.split()[0]


CHECKS: dict[str, Callable[[Settings], str]] = {
    "python": _python,
    "catalog": _catalog,
    "lake": _lake,
    "index": _index,
    "parser": _parser,
    "embedder": _embedders,
    "reranker": _rerankers,
    "gates": _gates,
}


def _sources(settings: Settings) -> Iterator[tuple[str, str, str]]:
    from penstock.platform import Platform

    platform = Platform(settings)
    for name in settings.sources:
        try:
            first = next(iter(platform.source(name).list()), None)
        except PenstockError as error:
            yield f"source {name}", "bad", str(error)
            continue
        if first is None:
            yield f"source {name}", "warn", "it lists nothing: check its path or prefix"
        else:
            yield f"source {name}", "ok", "it lists"
