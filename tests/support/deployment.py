"""What the code and Airflow read, for the tests of files that set it: the compose file and the Helm chart's values."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "include" / "penstock"


def variables_of_penstock() -> set[str]:
    """Every ``PENSTOCK_…`` variable that the package reads."""
    return {name for path in PACKAGE.rglob("*.py") for name in re.findall(r'"(PENSTOCK_[A-Z_]+)"', path.read_text())}


def airflow_knows(section: str, option: str) -> bool:
    """Whether Airflow, or a provider that is installed, has the option."""
    from airflow.configuration import conf

    options = conf.configuration_description.get(section.lower(), {"options": {}})["options"]
    return option.lower() in {name.lower() for name in options}
