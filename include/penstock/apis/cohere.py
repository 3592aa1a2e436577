"""The Cohere SDK: one client for embedding and reranking, its errors translated. Heavy: imports cohere."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import httpx

from penstock.apis.calling import Caller
from penstock.errors import ModelError
from penstock.settings import ApiSettings

try:
    import cohere
    from cohere.core.api_error import ApiError
    from cohere.v2.client import OMIT
except ImportError as error:
    raise ModelError(f"the Cohere SDK is not installed ({error}); run `pip install penstock[production]`") from None

__all__ = ["OMIT", "VERSION", "called", "open_client"]

T = TypeVar("T")
VERSION = cohere.__version__


def open_client(caller: Caller, settings: ApiSettings) -> cohere.ClientV2:
    """Return a thread-safe client that makes one attempt: ``Caller.patiently`` makes the others, and counts them."""
    return cohere.ClientV2(
        api_key=caller.access.key,
        base_url=caller.access.base_url,
        client_name="penstock",
        max_retries=0,
        httpx_client=httpx.Client(timeout=settings.timeout_s),  # the SDK's own would follow a redirect with the texts
        log_warning_experimental_features=False,
    )


def called(caller: Caller, request: Callable[[], T]) -> T:
    """Make one request. Raises ``ModelError`` or ``TransientModelError``."""
    with caller.translated():
        try:
            return request()
        except ApiError as error:
            status = error.status_code or 0
            if 200 <= status < 300:  # a body that is no JSON
                raise caller.broken() from None
            raise caller.refused(status, error.body, error.headers or {}) from None
        except ValueError:  # bytes that are no text, a number of thousands of digits
            raise caller.broken() from None
        except (TypeError, RecursionError):  # the SDK makes its objects of any JSON, and fails where it is none of them
            raise caller.malformed("something else than its API describes") from None
