"""The desk's room for sources."""

from alerts.web.desk.sources import listing, one

SOURCE_ROOMS = (listing, one)
