"""Bring a catalog to this code's version. Numbered migrations, forward only; imported only where one is due."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

MIGRATIONS = Path(__file__).parent / "migrations"
POSTGRES_LOCK = 0x70656E73  # "pens": two workers that start together must not both migrate


def config() -> Config:
    settings = Config()
    settings.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    settings.set_main_option("path_separator", "os")
    return settings


def known_versions() -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}


def upgrade(engine: Engine, to: str = "head") -> None:
    """Apply the missing migrations in one transaction, one process at a time."""
    settings = config()
    with engine.connect().execution_options(penstock_write=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": POSTGRES_LOCK})
        settings.attributes["connection"] = connection
        command.upgrade(settings, to)
