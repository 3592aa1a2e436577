"""What the command line prints for people: one function per kind of answer. ``--json`` prints the same dicts instead.

Nothing here reads a store. What comes from documents is printed as it stands, never as markup or terminal codes; what
people copy (ids, keys, commands) is never cut or broken over lines.
"""

from penstock.display.answers import answer_explained, answered
from penstock.display.documents import explanation, previews, quarantine, retried
from penstock.display.evaluation import answers_evaluated, evaluated, history
from penstock.display.feedback import feedback, imported
from penstock.display.health import checks, decisions, findings, started, status
from penstock.display.keys import key_made, key_revoked, keys
from penstock.display.monitoring import watched
from penstock.display.promotion import compared, models
from penstock.display.releases import diff, moved, plan, releases
from penstock.display.running import Bars, retrained, run
from penstock.display.search import excerpt, explained, found
from penstock.display.training import training_set, training_set_dropped, training_sets
from penstock.display.tree import tree
from penstock.display.triage import advised, triaged
from penstock.display.tuning import trained

__all__ = [
    "Bars",
    "advised",
    "answer_explained",
    "answered",
    "answers_evaluated",
    "checks",
    "compared",
    "decisions",
    "diff",
    "evaluated",
    "excerpt",
    "explained",
    "explanation",
    "feedback",
    "findings",
    "found",
    "history",
    "imported",
    "key_made",
    "key_revoked",
    "keys",
    "models",
    "moved",
    "plan",
    "previews",
    "quarantine",
    "releases",
    "retrained",
    "retried",
    "run",
    "started",
    "status",
    "trained",
    "training_set",
    "training_set_dropped",
    "training_sets",
    "tree",
    "triaged",
    "watched",
]
