"""MLflow's model registry follows the catalog: it shows people and tools what serves, and decides nothing.

One registered model for each index and purpose, ``penstock-INDEX-PURPOSE``; one version for each model that was trained
here, its source the address in the lake; the aliases ``champion`` and ``challenger`` (the newest one that was not
compared yet, or that waits for its promotion; never one that learned what was erased since, which its tag
``penstock.tainted`` says, by the numbers of the decisions). The configured model is no version: without a trained
champion there is no such alias.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from penstock import manifest, mlflow_store, trained
from penstock.errors import TransientError
from penstock.lake import Kind
from penstock.platform import Platform
from penstock.promotion import records
from penstock.promotion.gate import Outcome
from penstock.purposes import Purpose

log = structlog.get_logger("penstock")

MODEL = "penstock.model"
"""Tag of a version: the id that the catalog has of it."""
TAINTED = "penstock.tainted"
"""Tag of a version that learned what was erased since: the decisions that erased it."""
CHAMPION, CHALLENGER = "champion", "challenger"
TRIES, TIMEOUT_S = 1, 10
"""By default MLflow's client tries a server that is down for minutes; nobody waits for a registry here."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the registry should hold under one name: ids of models, the oldest first, alias → id, and id → tag."""

    name: str
    versions: tuple[str, ...]
    aliases: Mapping[str, str]
    sources: Mapping[str, str]
    tainted: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Held:
    """What it holds: id → version, alias → version, and id → tag."""

    versions: dict[str, str]
    aliases: dict[str, str]
    tainted: dict[str, str]


def follow(platform: Platform, index: str) -> None:
    """Write the registry, if anything was trained and it can be reached: the catalog has decided, and `penstock models
    --sync` makes it good."""
    try:
        if in_use(platform, index):
            write(platform, index)
    except TransientError as error:
        log.warning("registry.behind", index=index, error=str(error), remedy=f"penstock models {index} --sync")


def write(platform: Platform, index: str) -> None:
    """Have the registry say what the catalog says. Raises ``TransientError`` where it cannot be written."""
    client, failure = _client(platform)
    try:
        for wanted in _wanted(platform, index):
            held = _held(client, wanted.name)
            if held is None:
                client.create_registered_model(wanted.name)
                held = Held({}, {}, {})
            for id_ in wanted.versions:
                if id_ not in held.versions:
                    made = client.create_model_version(wanted.name, wanted.sources[id_], tags={MODEL: id_})
                    held.versions[id_] = str(made.version)
                tag = wanted.tainted.get(id_)
                if tag and held.tainted.get(id_) != tag:
                    client.set_model_version_tag(wanted.name, held.versions[id_], TAINTED, tag)
                elif not tag and id_ in held.tainted:
                    client.delete_model_version_tag(wanted.name, held.versions[id_], TAINTED)
            for alias in (CHAMPION, CHALLENGER):
                version = held.versions.get(wanted.aliases.get(alias, ""))
                if version is None and alias in held.aliases:
                    client.delete_registered_model_alias(wanted.name, alias)
                elif version is not None and held.aliases.get(alias) != version:
                    client.set_registered_model_alias(wanted.name, alias, version)
    except failure as error:
        raise _unreachable(platform, error) from error


def differences(platform: Platform, index: str) -> list[str]:
    """Where the registry says something else than the catalog, in words. Raises ``TransientError``, see ``write``."""
    client, failure = _client(platform)
    found: list[str] = []
    try:
        for wanted in _wanted(platform, index):
            held = _held(client, wanted.name) or Held({}, {}, {})
            names = {version: id_ for id_, version in held.versions.items()}
            missing = [id_ for id_ in wanted.versions if id_ not in held.versions]
            if missing:
                found.append(f"registered model {wanted.name} has no version of {', '.join(missing)}")
            for id_ in wanted.versions:
                if id_ not in held.versions or held.tainted.get(id_) == wanted.tainted.get(id_):
                    continue
                named = "is not named" if id_ in wanted.tainted else "is still named"
                found.append(f"{id_} of {wanted.name} {named} as one that learned what was erased since")
            for alias in (CHAMPION, CHALLENGER):
                there, should = names.get(held.aliases.get(alias, "")), wanted.aliases.get(alias)
                if there != should:
                    found.append(f"{alias} of {wanted.name} is {there or 'none'}; the catalog has {should or 'none'}")
    except failure as error:
        raise _unreachable(platform, error) from error
    return found


def in_use(platform: Platform, index: str) -> bool:
    """Whether any model was trained for the index: else there is nothing to register."""
    with platform.catalog.read() as connection:
        return bool(trained.of_index(connection, index))


def _wanted(platform: Platform, index: str) -> Iterator[Wanted]:
    with platform.catalog.read() as connection:
        champions = manifest.champions(connection, index)
        compared = {one.challenger: one.outcome for one in reversed(records.of_index(connection, index))}
        demoted = records.undone(connection, index)
        rows = {purpose: trained.of_index(connection, index, purpose) for purpose in Purpose}
    for purpose, models in rows.items():
        if not models:
            continue
        pure = (row.id for row in models if not row.tainted)
        hopeful = (id_ for id_ in pure if compared.get(id_, Outcome.PROMOTE) == Outcome.PROMOTE)
        challenger = next((id_ for id_ in hopeful if id_ != champions.get(purpose) and id_ not in demoted), None)
        aliases = {CHAMPION: champions.get(purpose), CHALLENGER: challenger}
        yield Wanted(
            f"penstock-{index}-{purpose}",
            tuple(row.id for row in reversed(models)),
            {name: id_ for name, id_ in aliases.items() if id_},
            {row.id: _address(platform.settings.lake_url, row.id) for row in models},
            {row.id: ",".join(map(str, row.tainted)) for row in models if row.tainted},
        )


def _address(lake: str, model: str) -> str:
    """Where the lake has a model. A server takes the path of a folder for one of its own, and refuses it, so that of a
    lake on a disk has the scheme ``penstock``.

    >>> _address("s3://lake", "1f"), _address("/data/lake", "1f")
    ('s3://lake/models#1f', 'penstock:///data/lake/models#1f')
    """
    return f"{lake if '://' in lake else f'penstock://{lake}'}/{Kind.MODELS}#{model}"


def _held(client: Any, name: str) -> Held | None:
    """``None`` for a name that is not registered."""
    registered = client.search_registered_models(filter_string=f"name = '{name}'")
    if not registered:
        return None
    versions = [one for one in client.search_model_versions(f"name = '{name}'") if MODEL in one.tags]
    return Held(
        {one.tags[MODEL]: str(one.version) for one in versions},
        {alias: str(version) for alias, version in dict(registered[0].aliases).items()},
        {one.tags[MODEL]: one.tags[TAINTED] for one in versions if TAINTED in one.tags},
    )


def _client(platform: Platform) -> tuple[Any, tuple[type[Exception], ...]]:
    """MLflow's client, and what it raises. Raises ``TransientError`` where MLflow is not installed, or has no store."""
    try:
        failures = mlflow_store.failures()
        return mlflow_store.client(platform.settings.tracking_url, TRIES, TIMEOUT_S), failures
    except ImportError:
        raise TransientError(
            "MLflow is not installed; its registry is not written (the extra `train` has it)"
        ) from None
    except failures as error:
        raise _unreachable(platform, error) from error


def _unreachable(platform: Platform, error: Exception) -> TransientError:
    url = platform.settings.tracking_url
    said = mlflow_store.told(url, error)
    return TransientError(
        f"MLflow at {mlflow_store.named(url)} does not do what it is asked ({said}); check store.tracking"
    )
