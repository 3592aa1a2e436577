"""Libraries that take seconds to import: who imports them, and when."""

from __future__ import annotations

import logging
import os
from importlib import import_module
from typing import Any

BEFORE_A_FORK = ("alembic", "pandas", "pyarrow.dataset", "lance_namespace")
"""What most tasks use, or lancedb and the gates' library build upon. None of it has a Python thread or an event loop,
which a forked child would find dead: so neither lancedb nor openvino is here, but their slow dependencies are."""


def import_great_expectations() -> Any:
    """Import the gates' library with its usage reports off. Costs some seconds and 300 MB."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations

    logging.getLogger("great_expectations").setLevel(logging.WARNING)  # two hundred lines of its own registry
    return great_expectations


def keep_off_the_hub() -> None:
    """No request to the Hugging Face hub, whatever a model's files or a library's defaults name: models are local."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    from huggingface_hub import constants

    constants.HF_HUB_OFFLINE = True  # where something imported it before


def preload() -> None:
    """Import, in a process that forks its workers, what each of their tasks would otherwise import again.

    Libraries alone and no module of penstock's own, so that a task of a changed penstock still runs the changed code.
    """
    for name in BEFORE_A_FORK:
        import_module(name)
    import_great_expectations()
