"""Numbers, sizes and times as people read them: on the terminal, on pages and in messages."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any


def count(number: int, one: str, many: str = "") -> str:
    """A number and its noun.

    >>> count(1, "document"), count(1200, "document"), count(2, "query", "queries")
    ('1 document', '1,200 documents', '2 queries')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def size(n_bytes: float) -> str:
    """Bytes for people.

    >>> size(512), size(296_763), size(31_000_000)
    ('512 bytes', '297 kB', '31 MB')
    """
    if n_bytes < 1000:
        return f"{n_bytes:.0f} bytes"
    for unit in ("kB", "MB", "GB"):
        n_bytes /= 1000
        if n_bytes < 999.5:
            return f"{n_bytes:.1f} {unit}" if n_bytes < 9.95 else f"{n_bytes:.0f} {unit}"
    return f"{n_bytes / 1000:.1f} TB"


def duration(seconds: float) -> str:
    """A length of time to read at a glance.

    >>> [duration(s) for s in (0.008, 7.65, 125, 7200, 200_000)]
    ['0.01 s', '7.7 s', '2 min 5 s', '2 h', '2 d 7 h']
    """
    if seconds < 0.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    steps = (("d", 86_400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1))
    unit, length, below, part = next(step for step in steps if whole >= step[1])
    rest = whole % length // part
    return f"{whole // length} {unit}" + (f" {rest} {below}" if rest else "")


def span(value: float) -> str:
    """A long time in words, to its largest unit.

    >>> span(1), span(100), span(172_800)
    ('1 second', '2 minutes', '2 days')
    """
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if value >= 1.5 * length or value == length:
            return count(round(value / length), unit)
    return count(round(value), "second")


def ago(value: float | None) -> str:
    """An age in words.

    >>> ago(None), ago(0.4), ago(90_000)
    ('never', 'just now', '25 hours ago')
    """
    if value is None:
        return "never"
    return "just now" if value < 1 else f"{span(value)} ago"


def when(at: float) -> str:
    """A time in UTC, to the minute."""
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(at))


PLURALS = {
    "interaction": "interactions",
    "search": "searches",
    "answer": "answers",
    "rating": "ratings",
    "comment": "comments",
    "correction": "corrections",
    "right-passage": "right-passages",
}
"""Of what people ask and say; what is not here is written alike."""


def listed(counts: Mapping[str, int], nothing: str = "nothing", plurals: Mapping[str, str] | None = None) -> str:
    """Name what is not zero; ``plurals`` are those of names that have one.

    >>> listed({"new": 2, "changed": 0, "query": 1}), listed({"query": 2}, plurals={"query": "queries"})
    ('2 new, 1 query', '2 queries')
    """
    named = {name if value == 1 else (plurals or {}).get(name, name): value for name, value in counts.items() if value}
    return ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in named.items()) or nothing


def unlike(settings: Mapping[str, Any], usual: Mapping[str, Any], instead: bool = False) -> str:
    """What settings say otherwise than the ``usual`` ones; blank where nothing. ``instead`` names these too.

    >>> ours, theirs = {"mode": "text", "rerank": None}, {"mode": "hybrid", "rerank": {"model": "rerank-v3.5"}}
    >>> unlike(ours, theirs), unlike(theirs, ours, instead=True)
    ('mode=text, rerank=off', 'mode=hybrid instead of text, rerank=rerank-v3.5 instead of off')
    """
    return ", ".join(
        f"{name}={_setting(value)}" + (f" instead of {_setting(usual.get(name))}" if instead else "")
        for name, value in settings.items()
        if usual.get(name) != value
    )


def _setting(value: Any) -> Any:
    if isinstance(value, Mapping):
        return value.get("model") or dict(value)
    return "off" if value is None else str(value).lower() if isinstance(value, bool) else value


def gain(value: Mapping[str, Any]) -> str:
    """A difference of means and the ends of its interval, within a sentence.

    >>> gain({"mean": 0.1, "low": -0.02, "high": 0.2})
    '+0.100 [-0.020, +0.200]'
    """
    return f"{value['mean']:+.3f} [{value['low']:+.3f}, {value['high']:+.3f}]"


def figure(value: Mapping[str, Any], signed: bool = False) -> str:
    """A mean and the ends of its interval.

    >>> figure({"mean": 0.5, "low": 0.4, "high": 0.6}), figure({"mean": 0.1, "low": None, "high": None}, signed=True)
    ('0.500  [0.400, 0.600]', '+0.100')
    """
    ends = [value["mean"]] + ([value["low"], value["high"]] if value["low"] is not None else [])
    mean, *interval = (f"{end:+.3f}" if signed else f"{end:.3f}" for end in ends)
    return f"{mean}  [{', '.join(interval)}]" if interval else mean
