"""What an Airflow process of a test's own goes by: a configuration, and an environment with a home for it."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]


def config(source: str = "", index: str = "", embedder: str = 'backend = "hashing"', more: str = "") -> str:
    """A ``penstock.toml`` with the folder ``docs`` and one index on it; the arguments add to their tables."""
    return f"""
[sources.docs]
type = "folder"
path = "docs"
when_silent = ["public"]
{source}

[indexes.main]
sources = ["docs"]
{index}

[indexes.main.embedder]
{embedder}

{more}
"""


def environment(home: Path, **more: str) -> dict[str, str]:
    """For an Airflow that lives below ``home``, with its ``penstock.toml``. Nothing of another one comes through."""
    mine = ("AIRFLOW_", "PENSTOCK_")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(mine)},
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "PENSTOCK_CONFIG": str(home / "penstock.toml"),
        "PENSTOCK_HOME": str(home / "data"),
        **more,
    }
