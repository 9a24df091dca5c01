"""The slots of a mail: the links by which a reader leaves, or chooses, must be there."""

import re
from collections.abc import Iterator

from alerts.rendering.lint.findings import Finding, error, warning
from alerts.rendering.service import RenderedEdition
from alerts.rendering.slots import Slot

_SLOT = re.compile(r"@@[A-Z][A-Z_]*@@")


def check_ways_out(edition: RenderedEdition) -> Iterator[Finding]:
    """Yield what is missing in each part, and slots that nothing fills."""
    known = {slot.value for slot in Slot}
    for name, part in (("HTML", edition.html), ("plain text", edition.text)):
        if Slot.UNSUBSCRIBE_URL not in part:
            yield error(
                "no-unsubscribe",
                f"the {name} has no link to unsubscribe",
                "put slot.UNSUBSCRIBE_URL into the template",
                about=name,
            )
        if Slot.PREFERENCES_URL not in part:
            yield warning(
                "no-preferences",
                f"the {name} has no link to the reader's preferences",
                "put slot.PREFERENCES_URL into the template",
                about=name,
            )
        for slot in sorted(set(_SLOT.findall(part)) - known):
            yield error(
                "slot-unknown",
                f"the {name} holds {slot}, which nothing fills",
                "use one of the template's slots, or take it out",
                about=f"{name} {slot}",
            )
