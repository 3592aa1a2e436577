"""What the configuration says of watching an index: what is compared with what, and which change is one to act on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from penstock.source_settings import Section

Change = Annotated[float, Field(ge=0.0, le=2.0)]


class MonitoringSettings(Section):
    """The last whole days are compared with those before; what luck does not explain and passes a limit is an alarm.

    ``false_alarms_a_year`` is shared by all that is looked at in a year of days: what it costs is that a change must be
    clearer to be seen.
    """

    recent_days: int = Field(default=7, ge=1, le=366, description="these days")
    reference_days: int = Field(default=28, ge=1, le=366, description="are compared with so many before them")
    false_alarms_a_year: float = Field(
        default=1.0, ge=0.01, le=52, description="of one index whose readers do not change"
    )
    max_rating_fall: Change = Field(default=0.1, description="of the mean rating, -1 to 1; also after a promotion")
    max_refused_rise: Change = Field(default=0.05, description="of the share of answers that were refused")
    max_score_fall: Change = Field(default=0.02, description="of the best passage's score")
    max_confidence_fall: Change = Field(default=0.05, description="of the chance that the index holds an answer")
    max_question_drift: Change = Field(
        default=0.005, description="of the questions' meanings: energy coefficient, 0 (alike) to 1"
    )
    questions: int = Field(
        default=1000, ge=0, le=2000, description="of each window at most, embedded to compare meanings; 0: none is"
    )
    watch_days: int = Field(default=28, ge=1, le=366, description="after a promotion the ratings are watched so long")
    on_drift: Literal["notify", "retrain"] = Field(default="notify", description="retrain: also ask for a new model")
