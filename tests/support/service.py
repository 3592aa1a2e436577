"""The service on loopback: the application and the server of ``penstock serve``, in a thread of the test's process."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from penstock.platform import Platform
from penstock.service.serving import address, listen, server

Event = tuple[str, dict[str, Any]]


@contextmanager
def serving(platform: Platform) -> Iterator[httpx.Client]:
    """A client of the service over ``platform``, which stays open."""
    started = threading.Event()
    with listen("127.0.0.1", 0) as bound:
        running = server(platform, started.set)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            assert started.wait(60), "the service did not start"
            with httpx.Client(base_url=address(bound), timeout=60) as client:
                yield client
        finally:
            running.should_exit = True
            thread.join()


def events_of(lines: Iterator[str]) -> Iterator[Event]:
    """Server-sent events as they come: name and data."""
    name = ""
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)
