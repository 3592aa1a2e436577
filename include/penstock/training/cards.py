"""The data card of a training set: figures of what is in it and of what was left out, and whether it is enough.

No text stands in it: it is kept in the catalog, and shown to whoever may list the sets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from penstock import wording
from penstock.training.examples import AnyExample, EmbedderExample, GeneratorExample
from penstock.training.splits import Split

if TYPE_CHECKING:
    from penstock.training.material import Material

LICENCES = ("licence", "license")
"""Fields of a document that say under what it may be used."""
UNKNOWN = "not known"


def card(material: Material, examples: Sequence[AnyExample], guards: Sequence[str]) -> dict[str, Any]:
    lacking = wanting(examples, material.settings.min_examples)
    return {
        "ready": not lacking,
        "wanting": lacking,
        "needed": material.settings.min_examples,
        **_contents(examples),
        "licences": _counted(_licence(material, one) for one in examples),
        "people": material.found.people,
        "largest_share": round(material.found.largest_share, 4),
        "left_out": {what: count for what, count in sorted(material.left_out.items()) if count},
        "guards": list(guards),
        "audience": list(material.settings.audience),
        "redacted": material.settings.redact,
    }


def after_an_erasure(card: Mapping[str, Any], examples: Sequence[AnyExample]) -> dict[str, Any]:
    """The card of a set of which only these are left: what is in it, and whether it will do still.

    What the log said when the set was made (licences, people, what was left out) stays as it was.
    """
    lacking = wanting(examples, card["needed"]) if examples else ["all of it was erased"]
    return {**card, "ready": not lacking, "wanting": lacking, **_contents(examples)}


def _contents(examples: Sequence[AnyExample]) -> dict[str, Any]:
    return {
        "splits": {str(split): sum(one.split is split for one in examples) for split in Split},
        "questions": len({one.question for one in examples if one.asked}),
        "groups": len({one.group for one in examples if one.asked}),
        "kinds": dict(sorted(Counter(kind for one in examples for kind in _kinds(one)).items())),
        "sources": _counted(one.source for one in examples),
        "languages": _counted(one.language or UNKNOWN for one in examples),
    }


def wanting(examples: Sequence[AnyExample], needed: int) -> list[str]:
    """What is missing for a model to be tuned on these, in words; nothing where they will do. Headings do not count."""
    found, examples = [], [one for one in examples if one.asked]
    if len(examples) < needed:
        found.append(f"{wording.count(len(examples), 'example')}, and it takes {needed:,} (training.min_examples)")
    if len({one.group for one in examples}) == 1:
        found.append("all examples are of one group: nothing can be held back to judge by")
    else:
        found += [f"no example is for {split}" for split in Split if all(one.split is not split for one in examples)]
    written = [one for one in examples if isinstance(one, GeneratorExample)]
    if written and all(one.refusal for one in written):
        found.append("all examples are refusals: a model would learn to say nothing else")
    return found


def _kinds(one: AnyExample) -> list[str]:
    if not one.asked:
        return ["heading"]
    kinds = ["said" if one.weight == 1 else "implicit"]
    if isinstance(one, GeneratorExample):
        kinds += ["refusal" if one.refusal else "answer", *(["preference"] if one.rejected is not None else [])]
    elif isinstance(one, EmbedderExample) and not one.negatives:
        kinds.append("without a negative")
    return kinds


def _licence(material: Material, one: AnyExample) -> str:
    rows = material.library.rows.get(one.documents[0], []) if one.documents else []
    said = [row.fields[name] for row in rows[:1] for name in LICENCES if row.fields.get(name)]
    return said[0] if said else UNKNOWN


def _counted(names: Any) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))
