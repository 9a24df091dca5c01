"""The desk's room for subscribers."""

from alerts.web.desk.subscribers import (
    acting,
    adding,
    counting,
    erasing,
    exporting,
    growing,
    importing,
    listing,
    one,
    segmenting,
    suppressing,
)

# Where a word and a number stand at the same place of an address, the word goes first.
SUBSCRIBER_ROOMS = (
    *(listing, adding, counting, exporting, growing, importing, segmenting, suppressing),
    *(acting, erasing, one),
)
