"""What the benchmarks of training share: the configuration of a small platform, and what every example says."""

from __future__ import annotations

from typing import Any

SOURCE = "pages"


def platform_of(index: str) -> str:
    """A configuration that ends in the table of the index's training; the part's own settings of it may follow."""
    return f"""\
home = "home"

[sources.{SOURCE}]
type = "folder"
path = "documents"
when_silent = ["public"]

[indexes.{index}]
sources = ["{SOURCE}"]

[indexes.{index}.training]
min_examples = 20
"""


def said(name: str, query: str, group: str, split: Any, language: str = "") -> dict[str, Any]:
    """What ``Example`` has of every purpose, of an example that no person and no document stands behind."""
    from penstock.ids import hash_of

    return {
        "id": hash_of("example", name)[:32],
        "question": hash_of("question", query)[:32],
        "query": query,
        "group": group,
        "split": split,
        "weight": 1.0,
        "source": SOURCE,
        "language": language,
        "release": 1,
        "interactions": (),
        "feedback": (),
        "documents": (),
        "chunks": (),
    }
