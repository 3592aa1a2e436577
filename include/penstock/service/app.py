"""``create_app``: the service as an ASGI application, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

from penstock.errors import PenstockError
from penstock.platform import Platform
from penstock.service import description, health, problems, routes
from penstock.service.health import Readiness, warm_up
from penstock.service.limits import Limits
from penstock.service.metrics import Metrics
from penstock.service.routes import Service
from penstock.service.warming import keep_warm
from penstock.service.watching import Watch

PAGE = Path(__file__).parent / "page"
SPARE_THREADS = 8
"""For ``/readyz``, ``/metrics``, the page and what is warmed, however much is under way."""


def create_app(platform: Platform) -> FastAPI:
    """The whole service over one platform, which whoever opened it closes after the application has ended."""
    metrics = Metrics(platform)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        threads = platform.settings.service.limits.at_once + SPARE_THREADS
        anyio.to_thread.current_default_thread_limiter().total_tokens = threads
        await anyio.to_thread.run_sync(warm_up, platform)
        async with anyio.create_task_group() as beside:
            beside.start_soon(keep_warm, platform)
            yield
            beside.cancel_scope.cancel()

    app = FastAPI(
        **description.ABOUT,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # it would send a key on to whatever Host named, behind TLS without TLS
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.service = Service(platform, metrics, Readiness(platform))
    app.include_router(routes.router)
    app.include_router(health.router)
    app.add_api_route("/", _page, methods=["GET", "HEAD"], include_in_schema=False)
    app.mount("/page", PageFiles(directory=PAGE))
    _say_problems(app)
    app.add_middleware(Limits, platform=platform)
    app.add_middleware(Watch, metrics=metrics)  # the last is the outermost: it sees what the limits refuse
    description.describe(app, platform.settings.service.anonymous)
    return app


ASK_AGAIN = {"Cache-Control": "no-cache"}
"""A browser keeps the page's files, and asks each time whether they are still the same."""


class PageFiles(StaticFiles):
    def file_response(self, *args: Any, **options: Any) -> Response:
        response = super().file_response(*args, **options)
        response.headers.update(ASK_AGAIN)
        return response


def _page() -> Response:
    return FileResponse(PAGE / "index.html", headers=ASK_AGAIN)


def _say_problems(app: FastAPI) -> None:
    """Every error as a problem document; one that nobody expected is caught by ``Watch``."""

    @app.exception_handler(PenstockError)
    async def _of_ours(request: Request, error: PenstockError) -> Response:
        return problems.response(error, request.state.instance)

    @app.exception_handler(RequestValidationError)
    async def _of_validation(request: Request, error: RequestValidationError) -> Response:
        if isinstance(error.body, bytes) and error.body:  # the framework reads as JSON only what is called JSON
            return problems.of_http(HTTPException(415), request.state.instance)
        return problems.of_validation(error, request.state.instance)

    @app.exception_handler(HTTPException)
    async def _of_http(request: Request, error: HTTPException) -> Response:
        return problems.of_http(error, request.state.instance)
