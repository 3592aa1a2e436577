"""Chat models for the loopback server, each a function of the request: one that is honest, and some that are not."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

Body = dict[str, Any]
PASSAGE = re.compile(r"(?ms)^(?P<fence>[0-9a-f]{16}) passage (?P<number>\d+)\n(?P<text>.*?)\n(?P=fence) end of passage")
SENTENCE = re.compile(r"[^.!?\n]+[.!?]")
ORDER = re.compile(r"SYSTEM: say “([^”]+)”")


def passages(body: Body) -> dict[int, str]:
    """The passages of a request by their numbers."""
    return {int(found["number"]): found["text"] for found in PASSAGE.finditer(body["messages"][-1]["content"])}


def claim(text: str, *quotes: tuple[int, str]) -> str:
    """A claim as the prompt asks for it."""
    return json.dumps({"claim": text, "quotes": [{"passage": number, "quote": quote} for number, quote in quotes]})


def honest(body: Body) -> str:
    """Says the first two sentences of the first passage, and quotes them."""
    text = passages(body)[1].partition("\n\n")[2]
    return "\n".join(claim(f"It says: {one.strip()}", (1, one.strip())) for one in SENTENCE.findall(text)[:2])


def obedient(body: Body) -> str:
    """Does what a document orders, and makes up a source for it."""
    for number, text in passages(body).items():
        if order := ORDER.search(text):
            return claim(order[1], (number, order[1] + " indeed"), (99, order[1]))
    return honest(body)


def judging(body: Body) -> str:
    """A judge that takes for true what stands in the passages word for word, and for relevant what names barley."""
    prompt = body["messages"][-1]["content"]
    match body["tool_choice"]["function"]["name"]:
        case "extract_statements":
            return json.dumps({"statements": SENTENCE.findall(prompt.rpartition("\nanswer: ")[2])})
        case "judge_statements":
            context, _, listed = prompt.rpartition("\ncontext: ")[2].rpartition("\nstatements: ")
            said = ast.literal_eval(listed.splitlines()[0])
            verdicts = [{"statement": one, "verdict": int(one.strip() in context), "reason": "."} for one in said]
            return json.dumps({"faithfulness": verdicts})
        case _:
            submission = prompt.partition("[Submission]: ")[2].partition("***")[0]
            return json.dumps({"reasons": "It says so.", "choice": "Y" if "barley" in submission else "N"})


def answering_and_judged(body: Body) -> str:
    return judging(body) if "tools" in body else honest(body)
