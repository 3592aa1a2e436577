"""What supervised tuning and preferences teach a small generator, on samples that it has never seen.

    python -m benchmarks.generator --home FOLDER

No chat model comes with the project, so a small decoder is built from a configuration, with random weights, and goes
the line that a user's goes: `train` on answers that were right, then `train` on that model with pairs of a better and
a worse answer. The samples are drawn: who keeps which thing of which place, asked with passages about other things of
the place and the same thing elsewhere, in the form of the platform's own prompts, their rules and fences shortened.

Answers that were right quote more than they must more often than not; of a pair the better one quotes as few words as
prove the claim, and the worse one quotes all of the passage, or another passage, or answers what no passage answers.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench, Page, measured, row
from benchmarks.corpus import VOCABULARY

INDEX = "keepers"
SIZES = {"train": 4000, "validation": 100, "test": 300}
WORDS = 64
"""That things, places and keepers are drawn from, each of their own."""
THINGS, PLACES, KEEPERS, REST = (VOCABULARY[WORDS * nth : WORDS * (nth + 1)] for nth in range(4))
REFUSALS, PAIRS, WORDY = 0.15, 0.3, 0.7
"""Shares: of questions that no passage answers; of examples to train on that are pairs; of the others' answers that
quote all of the passage."""
WORSE = ("quotes too much", "quotes another passage", "answers what nothing answers")

RULES = """\
Write one JSON object a line: {"claim": "…", "quotes": [{"passage": 1, "quote": "…"}]}. A quote repeats words of the \
passage, as few as prove the claim. Where the passages do not hold the answer, write {"claim": null}."""
CONFIG = """\
home = "home"

[sources.pages]
type = "folder"
path = "documents"
when_silent = ["public"]

[indexes.keepers]
sources = ["pages"]

[recipes.answers]
purpose = "generator"
base = "base"
method = "full"
learning_rate = {rate}
epochs = {epochs}
batch = 32
max_length = 512
answer_tokens = 96
measured = 8
prefer = false

[recipes.preferences]
purpose = "generator"
base = "trained:{model}"
epochs = 0.001
learning_rate = {prefer_rate}
prefer_epochs = 1
batch = 32
max_length = 512
answer_tokens = 96
measured = 8
"""
