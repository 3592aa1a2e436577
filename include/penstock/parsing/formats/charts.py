"""The figures that a chart of an office file shows, as rows: what the picture says to a reader."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any


def opened_chart(xml: bytes) -> Any:
    """The chart of a part on its own. Raises lxml's ``XMLSyntaxError``, a ``SyntaxError``, for what is not XML."""
    from pptx.opc.constants import CONTENT_TYPE
    from pptx.opc.packuri import PackURI
    from pptx.parts.chart import ChartPart

    alone: Any = None  # nothing of the file that it came from is needed
    return ChartPart.load(PackURI("/chart.xml"), CONTENT_TYPE.DML_CHART, alone, xml).chart


def figures(chart: Any) -> list[list[str]]:
    """A row for the title, where there is one, then for the series and for each category; values with 15 digits.

    Raises ``ValueError`` for a kind of chart that python-pptx does not know.
    """
    return list(_figures(chart))


def _figures(chart: Any) -> Iterator[list[str]]:
    if chart.has_title and chart.chart_title.has_text_frame:
        yield [chart.chart_title.text_frame.text]
    for plot in chart.plots:
        series = list(plot.series)
        yield ["", *(one.name for one in series)]
        for name, *values in zip_longest(plot.categories, *(one.values for one in series)):
            yield [str(name or ""), *("" if value is None else f"{value:.15g}" for value in values)]
