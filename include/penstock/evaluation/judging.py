"""A chat model's opinion of an answer: is it borne out by what it was made from, and does it answer what was asked?

The prompts and their reading are autoevals' (the extra ``judge``): faithfulness as of Es et al., "RAGAS: Automated
evaluation of retrieval augmented generation", 2023, and its closed-question grader for relevance. An opinion is none of
the platform's own figures: a judge errs, favours answers that read like its own, and may obey what a document says.
"""

from __future__ import annotations

import html
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from penstock.answers.results import Answer
from penstock.apis import OPENAI, Caller, find_access
from penstock.embedding.tokens import encodable
from penstock.errors import ModelError
from penstock.settings import JudgeSettings
from penstock.sources.connection import Connections, connection_from_environment

RELEVANT = "The submission answers the question that is asked in the task, and not another one."
TOO_LONG = "lower answer.max_passages or answer.max_chars"
UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What autoevals raises where a model wrote something else than it was asked for."""


ANOTHER = "a judge must take tools (function calling): if this comes often, name another model"


class NoVerdictError(ModelError):
    """The judge said something that is no verdict."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """``faithfulness`` is the share of the answer's statements, 0 to 1, that the judge finds borne out by the passages;
    ``relevant`` whether it finds the question answered.
    """

    faithfulness: float
    relevant: bool


class Judge:
    """One chat model behind OpenAI's chat completions, which must take tools. Asked three times for each answer.

    Raises ``ConfigError`` where there is no key, ``ModelError`` where autoevals is not installed.
    """

    def __init__(
        self,
        settings: JudgeSettings,
        connections: Connections = connection_from_environment,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        access = find_access(OPENAI, settings, connections)
        self._settings = settings
        self._caller = Caller(OPENAI, access, settings.model, sleep, too_long=TOO_LONG)
        headers = {"authorization": f"Bearer {access.key}"} if access.key else {}
        self._http = httpx.Client(headers=headers, timeout=settings.timeout_s)
        client = _client(self._complete)
        self._faithfulness, self._relevance = _scorers(client, settings.model)

    @property
    def name(self) -> str:
        return f"openai {self._settings.model}"

    def opinion(self, answer: Answer) -> Opinion:
        """Judge an answer that was given. Raises ``NoVerdictError``, ``TransientModelError``, or another ``ModelError``
        where the next answer would fare no better.
        """
        question, said = encodable(answer.question), encodable(" ".join(claim.text for claim in answer.claims))
        context = encodable("\n\n".join(passage.text for passage in answer.passages))
        try:
            faithful = self._faithfulness.eval(input=question, output=said, context=context)
            relevant = self._relevance.eval(input=question, output=said, criteria=RELEVANT)
            return Opinion(float(faithful.score), relevant.score > 0)
        except UNREADABLE as error:
            raise NoVerdictError(
                f"{self.name} gave no verdict that can be read ({type(error).__name__}); {ANOTHER}"
            ) from None

    def _complete(self, **asked: Any) -> dict[str, Any]:
        # autoevals fills its prompts as if they were HTML.
        messages = [{**one, "content": html.unescape(one["content"])} for one in asked["messages"]]
        request = {**asked, "messages": messages}
        return self._caller.patiently(lambda _attempt: self._post(request), self._settings.tries)

    def _post(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._caller.translated():
            response = self._http.post(f"{self._caller.access.base_url}/chat/completions", json=request)
        try:
            body = response.json()
        except (ValueError, RecursionError):
            body = None
        if not response.is_success:
            raise self._caller.refused(response.status_code, body, response.headers)
        if not isinstance(body, dict):
            raise NoVerdictError(f"{self.name} gave no verdict: it answered no JSON")
        return body


def _client(complete: Callable[..., dict[str, Any]]) -> Any:
    try:
        from autoevals.oai import LLMClient
    except ImportError:
        raise ModelError(
            "a judge needs autoevals, which is not installed; install penstock with its extra 'judge'"
        ) from None

    class Client(LLMClient):  # type: ignore[misc]
        def __post_init__(self) -> None:
            """Leaves OpenAI's SDK alone, which autoevals would look for: requests go our way."""

    # Its own patience is a hundred tries; ours ends before, so nothing is raised that it would wait for.
    return Client(openai=None, complete=complete, RateLimitError=_Never)


class _Never(Exception):  # noqa: N818 - it is never raised
    pass


def _scorers(client: Any, model: str) -> tuple[Any, Any]:
    from autoevals import ClosedQA
    from autoevals.ragas import Faithfulness

    return Faithfulness(model=model, client=client, temperature=0), ClosedQA(model=model, client=client, temperature=0)
