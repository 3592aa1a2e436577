"""Freed memory goes back to the system, so that what a process holds is what it works on, not all it ever worked on.

By itself glibc raises the size from which an allocation is a mapping of its own to that of the largest one freed so
far, up to 32 MB. From then on the megabytes of a batch lie in heaps (two or more per core, one for each of a store's
threads), between small things that live longer, and stay there: an ingest held 250 MB that nothing used.
"""

from __future__ import annotations

import ctypes
from functools import cache

OWN_MAPPING_BYTES = 256 * 1024
M_MMAP_THRESHOLD = -3
M_TRIM_THRESHOLD = -1
"""``malloc.h``"""
LARGEST_MMAP_THRESHOLD = 32 * 1024 * 1024
"""glibc takes no larger one."""
TRIM_BYTES = 1 << 30


@cache
def give_back_what_is_freed() -> None:
    """Map every allocation from 256 kB up by itself; freeing it unmaps it. Where there is no glibc nothing is done."""
    adjust = getattr(ctypes.CDLL(None), "mallopt", None)
    if adjust is not None:
        adjust(M_MMAP_THRESHOLD, OWN_MAPPING_BYTES)


def keep_what_is_freed() -> None:
    """Take it back for a training: each step allocates the same megabytes again.

    With a mapping for each, the sum of two tensors of 4 MB took ten times as long, nearly all of it page faults.
    """
    adjust = getattr(ctypes.CDLL(None), "mallopt", None)
    if adjust is not None:
        adjust(M_MMAP_THRESHOLD, LARGEST_MMAP_THRESHOLD)
        adjust(M_TRIM_THRESHOLD, TRIM_BYTES)
