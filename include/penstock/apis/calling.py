"""One request to a paid API: its errors told apart once, transient ones tried again with patience and jitter.

The clients' own retries are switched off: every request that leaves here is counted.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from penstock.apis.access import OPENAI, Access, Service
from penstock.errors import ModelError, ModelTimeoutError, TransientModelError
from penstock.retry_after import retry_after_s, spread_s

T = TypeVar("T")

log = structlog.get_logger("penstock")
logging.getLogger("httpcore").setLevel(logging.INFO)  # at DEBUG it writes headers down

MAX_WAIT_S = 120.0
"""An API that asks for a longer wait is left alone: the next run goes on."""
LONGEST_MESSAGE = 300
DEEPEST_MESSAGE = 5
"""So many levels down an error's message is looked for."""
TRY_AGAIN = (408, 409, 425, 429)
BACKOFF = wait_exponential(multiplier=1, max=60)
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
SHORTER = "lower chunker.max_tokens, or name the model's tokenizer.json (embedder.tokenizer)"


@dataclass(frozen=True)
class Caller:
    """Calls one model of one service and translates what goes wrong. ``sleep`` takes seconds.

    ``too_long`` says what to do about a request that is too much for the model.
    """

    service: Service
    access: Access
    model: str
    sleep: Callable[[float], None] = time.sleep
    too_long: str = SHORTER

    @property
    def who(self) -> str:
        """Who answers, for messages: another server that speaks OpenAI's language is not OpenAI."""
        ours = self.access.base_url == self.service.base_url or self.service is not OPENAI
        return f"{self.service.name if ours else 'the server'} at {self.access.base_url}"

    def patiently(self, ask: Callable[[int], T], tries: int) -> T:
        """Return ``ask(attempt)``, attempts counted from 1; after a ``TransientModelError`` wait and ask again.

        The wait is what the API asked for (Retry-After) or an exponential backoff, with jitter.
        """
        attempts = Retrying(
            stop=stop_after_attempt(tries),
            wait=_wait,
            retry=retry_if_exception(_worth_another_try),
            before_sleep=self._note,
            sleep=self.sleep,
            reraise=True,
        )
        for attempt in attempts:
            with attempt:
                return ask(attempt.retry_state.attempt_number)
        raise AssertionError("unreachable")

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn what the HTTP client raises into ``ModelError`` or ``TransientModelError``."""
        try:
            yield
        except httpx.TransportError as error:
            said = self.access.without_key(str(error)) or "nothing"
            kind = ModelTimeoutError if isinstance(error, httpx.TimeoutException) else TransientModelError
            silent = kind(
                f"{self.who} did not answer ({type(error).__name__}: {said}); try again later, or check base_url"
            )
            silent.maybe_billed = not isinstance(error, NEVER_SENT)
            raise silent from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            said = self.access.without_key(str(error))
            raise ModelError(f"{self.who} cannot be asked: {said}; check base_url") from None

    def malformed(self, what: str, kind: type[ModelError] = ModelError) -> ModelError:
        """An answer that came and cannot be used: it may be paid for, so it is not asked for again."""
        error = kind(f"{self.who} answered {what} (model {self.model!r}); what cannot be used is dropped")
        error.maybe_billed = True
        return error

    def broken(self) -> TransientModelError:
        error = TransientModelError(f"{self.who} answered no JSON; try again later, or check base_url")
        error.maybe_billed = True
        return error

    def cut_short(self) -> TransientModelError:
        return TransientModelError(f"{self.who} broke off in the middle of its answer; try again")

    def refused(self, status: int, body: Any, headers: Mapping[str, str]) -> ModelError:
        """The error for an answer that is none: transient, or permanent with its fix."""
        said = self.access.without_key(message_of(body))
        who = self.who
        answer = f"({status}: {said})" if said else f"({status})"
        if status in TRY_AGAIN or (status >= 500 and status != 501):
            if _code_of(body) == "insufficient_quota":
                return ModelError(f"{who} has no credit left for this key {answer}; add some, or use another key")
            busy = TransientModelError(f"{who} has no time now {answer}; try again later")
            busy.retry_after_s = retry_after_s(headers)
            return busy
        if status in (401, 403, 498):
            fix = (
                f"check the key in {self.access.found_in}, and what it may do" if self.access.key else "it needs a key"
            )
            return ModelError(f"{who} refused the key {answer}; {fix}")
        if status == 402:
            return ModelError(f"{who} asks for payment {answer}; see to the account of this key")
        if status == 404:
            return ModelError(f"{who} knows no model {self.model!r} {answer}; check model and base_url")
        if 300 <= status < 400:
            return ModelError(f"{who} answered with a redirect {answer}; write where it leads in base_url")
        if status == 413:
            return ModelError(f"{who} takes no request that large {answer}; lower embedder.batch_texts")
        return ModelError(
            f"{who} refused what {self.model!r} was asked {answer}; check its settings, or for a text that is too long "
            f"{self.too_long}"
        )

    def _note(self, state: RetryCallState) -> None:
        wait_s = round(state.next_action.sleep, 1) if state.next_action else 0.0
        log.info("api.retry", service=self.service.name, attempt=state.attempt_number, wait_s=wait_s)


def message_of(body: Any, levels: int = DEEPEST_MESSAGE) -> str:
    """The message in an error's body, in any of the usual shapes. Nothing else of it: some repeat what they were sent.

    >>> message_of({"error": {"message": "no such model"}})
    'no such model'
    >>> message_of({"detail": [{"msg": "field required", "input": {"texts": ["a secret"]}}]})
    'field required'
    """
    if not levels:
        return ""
    if isinstance(body, list):
        return "; ".join(filter(None, (message_of(one, levels - 1) for one in body)))[:LONGEST_MESSAGE]
    if isinstance(body, dict):
        found = next((body[name] for name in ("message", "msg", "error", "detail") if body.get(name)), "")
        if isinstance(found, dict | list):
            return message_of(found, levels - 1)
        return " ".join(str(found).split())[:LONGEST_MESSAGE]
    return ""


def _code_of(body: Any) -> Any:
    error = body.get("error") if isinstance(body, dict) else None
    return error.get("code") if isinstance(error, dict) else None


def _worth_another_try(error: BaseException) -> bool:
    return isinstance(error, TransientModelError) and (error.retry_after_s or 0.0) <= MAX_WAIT_S


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after_s if isinstance(error, TransientModelError) else None
    if asked is not None:
        return spread_s(asked)
    return BACKOFF(state) * (1 + random.random()) / 2  # noqa: S311 - no secret
