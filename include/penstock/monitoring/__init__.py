"""How an index does from day to day: figures, changes that are no luck, and what to do about them."""

from __future__ import annotations

from penstock.monitoring.alarms import Alarm, Change
from penstock.monitoring.days import Day
from penstock.monitoring.promoted import Promoted
from penstock.monitoring.running import Watched, watch

__all__ = ["Alarm", "Change", "Day", "Promoted", "Watched", "watch"]
