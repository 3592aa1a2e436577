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
"""``malloc.h``"""


@cache
def give_back_what_is_freed() -> None:
    """Map every allocation from 256 kB up by itself; freeing it unmaps it. Where there is no glibc nothing is done."""
    adjust = getattr(ctypes.CDLL(None), "mallopt", None)
    if adjust is not None:
        adjust(M_MMAP_THRESHOLD, OWN_MAPPING_BYTES)
