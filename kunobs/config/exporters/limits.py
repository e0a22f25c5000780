"""What every exporter's section begins with: how long a collection may take, how long it is shared, how much it may answer."""

from __future__ import annotations

from pydantic import Field

from kunobs.config.base import Section, Whole
from kunobs.config.quantities import Duration, Size


class ExporterConfig(Section):
    """One exporter."""

    timeout: Duration = Field(
        default=9.5,
        ge=0.1,
        le=600,
        description="A collection is given up after this, or half a second before the scrape's own timeout where "
        "that is earlier; the answer goes out with what is there.",
    )
    min_interval: Duration = Field(
        default=5.0,
        ge=0,
        le=3600,
        description="Scrapes share a collection that ended less than this ago. Longer spares the observed system "
        "where several Prometheus scrape, and shows older values.",
    )
    max_series: Whole = Field(
        default=200_000,
        ge=100,
        le=10_000_000,
        description="Series of one collector. Above it the finest detail is left out, and "
        "kunobs_exporter_series_dropped says how much.",
    )
    max_bytes: Size = Field(
        default=64 * 1024**2, ge=1024, description="Bytes of one collector's answer before gzip; bounds memory."
    )
