"""What people ask and get no good answer to: their questions in groups of like meaning. Heavy: scipy, and a model.

Average linkage over the cosine distance of the questions' vectors, by the index's own embedder, cut at one height
(Sokal and Michener 1958; ``scipy.cluster.hierarchy``): no number of groups has to be guessed, and the same questions
give the same groups.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from penstock import manifest
from penstock.platform import Platform
from penstock.recipe import Recipe

MOST = 2_000
"""Distinct questions, the latest: linkage takes memory by their square, here 16 MB."""
APART = 0.45
"""Cosine distance from which on two groups of questions are about different things, with the default model."""
SHOWN, EXAMPLES = 20, 5


def topics_of(platform: Platform, index: str, asked: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Groups of questions, the largest first; each is called by the question that is nearest to all of its own.

    ``asked`` are interactions with their text, by time; a question asked often counts as often. Nothing where no
    release is published, since then no embedder is known.
    """
    counts = Counter(row["query"] for row in asked)
    questions = list(dict.fromkeys(row["query"] for row in reversed(asked)))[:MOST]
    refused = Counter(row["query"] for row in asked if row["refused"])
    with platform.catalog.read() as connection:
        serving = manifest.serving(connection, index)
        if serving is None or not questions:
            return []
        generation = manifest.generation_row(connection, index, serving)
    embedder = platform.embedder(Recipe.of_generation(platform.settings, generation).embedder)
    vectors = embedder.embed_documents(questions)
    groups = sorted(_groups(vectors), key=lambda group: -sum(counts[questions[one]] for one in group))
    return [
        {
            "topic": questions[group[0]],
            "questions": len(group),
            "asked": sum(counts[questions[one]] for one in group),
            "refused": sum(refused[questions[one]] for one in group),
            "examples": [questions[one] for one in group[1 : 1 + EXAMPLES]],
        }
        for group in groups[:SHOWN]
    ]


def _groups(vectors: Any) -> list[list[int]]:
    """Places of unit vectors, shape (n, dimension), in groups; in each the one nearest to the group's middle first."""
    if len(vectors) == 1:
        return [[0]]
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import pdist

    tree = linkage(pdist(vectors, "cosine").clip(min=0), "average")
    groups: dict[int, list[int]] = defaultdict(list)
    for place, group in enumerate(fcluster(tree, APART, "distance")):
        groups[int(group)].append(place)
    return [_from_the_middle(vectors, members) for members in groups.values()]


def _from_the_middle(vectors: Any, members: list[int]) -> list[int]:
    middle = vectors[members].mean(axis=0)
    return sorted(members, key=lambda one: (-float(vectors[one] @ middle), one))
