"""How well an index answers: questions with known answers, measured, compared, kept, and a gate of every release."""

from __future__ import annotations

from penstock.evaluation.keeping import history, results
from penstock.evaluation.questions import Question, QuestionSet, read
from penstock.evaluation.running import Evaluated, evaluate, sides

__all__ = ["Evaluated", "Question", "QuestionSet", "evaluate", "history", "read", "results", "sides"]
