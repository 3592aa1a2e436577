"""Fixtures for every test: one set of parser children for all, the two kinds of catalog, models behind an API."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import structlog
from structlog.typing import EventDict

from penstock.parsing import ParserPool
from penstock.settings import ParserSettings
from support.chat_models import honest
from support.model_api import ModelApi, model_api, use_our_key
from support.postgres import Postgres, start_postgres
from support.workspace import Workspace

# No deadlines: a machine under load is slow and not wrong. The same examples every time decide whether a change may
# land; `make check-long` looks for new ones with `--hypothesis-profile=seek`.
hypothesis.settings.register_profile("seek", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.register_profile("steady", hypothesis.settings.get_profile("seek"), derandomize=True)
hypothesis.settings.load_profile("steady")


@pytest.fixture(scope="session")
def pools() -> Iterator[dict[ParserSettings, ParserPool]]:
    settings = ParserSettings(workers=1)
    with ParserPool(settings) as pool:
        yield {settings: pool}


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server: the one that PENSTOCK_TEST_POSTGRES names, else one started from its binaries."""
    with start_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def catalog_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/catalog.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def make_workspace(tmp_path: Path, pools: dict[ParserSettings, ParserPool]) -> Iterator[Callable[..., Workspace]]:
    made: list[Workspace] = []

    def make(name: str = "w", **options: Any) -> Workspace:
        made.append(Workspace(tmp_path / name, pools, **options))
        return made[-1]

    yield make
    for one in made:
        one.platform.close()


@pytest.fixture
def workspace(make_workspace: Callable[..., Workspace]) -> Workspace:
    return make_workspace()


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelApi]:
    """A server of models on loopback, whose key is in the environment; its chat model answers from what it is given."""
    use_our_key(monkeypatch)
    with model_api() as server:
        server.writes = honest
        yield server


@pytest.fixture
def log() -> Iterator[list[EventDict]]:
    """What is logged, whoever set structlog up in this process before."""
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as events:
        yield events


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PENSTOCK_") and "TEST" not in name]:
        monkeypatch.delenv(name)
