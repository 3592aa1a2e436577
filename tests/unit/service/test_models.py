"""What readers are sent is theirs to know."""

from __future__ import annotations

import json

from penstock.retrieval import Found
from penstock.retrieval.results import Setup
from penstock.retrieval.trace import Stage
from penstock.service.models import SearchResponse


def test_why_a_stage_was_left_out_is_for_the_log() -> None:
    stages = (
        Stage("search", 2.0, ("a",), "1 candidates"),
        Stage("rerank", 1.0, (), "left out: http://10.0.0.7: 401", True),
    )
    found = Found("handbook", 1, "leave", (), (), stages, (), Setup("hybrid", "", ""))
    sent = json.loads(SearchResponse.of(found, None, explain=True).json_bytes())["stages"]
    assert [one["note"] for one in sent] == ["1 candidates", "left out: it did not answer, or not as it should"]
    assert "stages" not in json.loads(SearchResponse.of(found, None, explain=False).json_bytes())
