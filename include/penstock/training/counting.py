"""How many examples a training set would hold today, without one being made: what advice on models rests on.

The examples are drafted as a build drafts them, since only that tells which of what people said can become one: a
thumbs-up on an answer whose words are not kept cannot, nor a correction that no passage bears.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from penstock.errors import RefusedError
from penstock.platform import Platform
from penstock.progress import Progress
from penstock.purposes import Purpose
from penstock.training.building import MAKERS, examples_of
from penstock.training.gathering import Asked, gather, shared_out
from penstock.training.material import Material
from penstock.training.passages import Library
from penstock.training.placing import Placed
from penstock.training.splits import Split


def count(
    platform: Platform, index: str, purposes: Collection[Purpose], since: datetime | None, progress: Progress
) -> dict[Purpose, int]:
    """By purpose the examples that what was said since then would make; headings, which nobody asked, are none.

    A build may hold less: questions that tie the splits of earlier sets together, or that models are judged by, stay
    out of it.
    Searches once for each question and purpose. Raises ``NothingPublishedError``, and ``RefusedError`` where fewer
    people said it than the largest share allows.
    """
    settings = platform.settings.index(index).training
    library = Library.live(platform, index)
    material = Material.of(library, gather(platform, index, settings, since), settings, progress)
    return {purpose: _drafted(material, purpose) for purpose in purposes}


def _drafted(material: Material, purpose: Purpose) -> int:
    maker = MAKERS[purpose]
    usable = [one for one in maker.usable(material) if material.library.understands(one.where)]
    asked = [replace(one, query=material.clean(one.query)) for one in usable]
    examples = examples_of(purpose, maker.make(material, asked, _each_alone(asked)))
    try:
        return len(shared_out(examples, material.settings, material.found))
    except RefusedError:  # what there is for this purpose comes from too few: there would be no set
        return 0


def _each_alone(asked: Sequence[Asked]) -> Placed:
    """Every question a group of its own: how they are split does not change how many there are."""
    names = [one.question for one in asked]
    return Placed(dict.fromkeys(names, Split.TRAIN), {name: name for name in names}, frozenset())
