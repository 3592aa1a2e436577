"""Training sets, for people."""

from __future__ import annotations

from typing import Any

from penstock import wording
from penstock.display import paper
from penstock.display.paper import QUIET, STRONG
from penstock.display.tree import tree

TEXT_CHARS = 200


def training_sets(found: list[dict[str, Any]]) -> None:
    """Print a line a set."""
    if not found:
        paper.line("no training set yet; run `penstock trainset build INDEX --for embedder`")
    for one in found:
        lost = f", {one['erased']:,} erased since" if one["erased"] else ""
        paper.line(
            (one["id"], STRONG),
            f"  {one['purpose']}  {wording.count(one['examples'], 'example')}{lost}, release {one['release']}  ",
            (wording.when(one["made_at"]), QUIET),
            "" if one["ready"] else "  not enough to train on",
        )


def training_set(one: dict[str, Any]) -> None:
    """Print the card of a set, and examples where they come with it."""
    card = one["card"]
    count = wording.count(one["examples"], "example")
    lost = f", {one['erased']:,} erased since" if one["erased"] else ""
    paper.line((one["id"], STRONG), f"  {one['purpose']} of {one['index']}, release {one['release']}: {count}{lost}")
    if card["wanting"]:
        paper.prose("not enough to train on: " + "; ".join(card["wanting"]), indent=2)
    tree({name: value for name, value in card.items() if name not in ("ready", "wanting")}, 2)
    for example in one.get("shown", ()):
        paper.blank()
        paper.line("  ", (example["id"], STRONG), f"  {example['split']}, weight {example['weight']:g}")
        for name in ("query", "positive", "negatives", "passages", "answer", "rejected"):
            for text in _texts(example.get(name)):
                paper.prose(f"{name}: {paper.shortened(text, TEXT_CHARS)}", indent=4)


def training_set_dropped(done: dict[str, Any]) -> None:
    paper.line(
        f"Training set {done['id']} ({done['purpose']}, {wording.count(done['examples'], 'example')}) is dropped."
    )
    paper.hint("delete its file, from a day after it was made on", f"penstock prune {done['index']} --keep 10")


def _texts(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str):
        return [" ".join(value.split())]
    return [text if isinstance(one, str) else f"{one[1]:.2f}  {text}" for one in value for text in _texts(_text(one))]


def _text(one: Any) -> str:
    return one if isinstance(one, str) else str(one[0])
