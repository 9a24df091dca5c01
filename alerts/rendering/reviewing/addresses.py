"""The addresses in a mail that can be asked for. Pure."""

from collections.abc import Iterator

from lxml import html as lxml_html

from alerts.rendering.hygiene import web_address
from alerts.rendering.slots import Slot

# More than any issue has; who writes a longer one gets the first of them checked.
_MOST = 300


def addresses_in(html: str, *, own_site: str = "") -> list[str]:
    """Return what a mail links to, and its pictures, each once, in order.

    Left out are a reader's own links, and those that lead to `own_site`: an issue's page in the
    archive is there only once the issue is on its way.
    """
    found = dict.fromkeys(_addresses(html))
    wanted = (
        address
        for address in found
        if web_address(address)
        and not any(slot.value in address for slot in Slot)
        and not (own_site and _is_on(address, own_site))
    )
    return list(wanted)[:_MOST]


def _addresses(html: str) -> Iterator[str]:
    if not html:
        return
    tree = lxml_html.document_fromstring(html)
    for tag, name in (("a", "href"), ("img", "src")):
        for element in tree.iter(tag):
            yield (element.get(name) or "").strip()


def _is_on(address: str, site: str) -> bool:
    return address == site or address.startswith((f"{site}/", f"{site}?", f"{site}#"))
