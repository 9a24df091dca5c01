"""What many links of one site have in common is told once."""

from alerts.rendering.lint import Finding, Known, LinkState, LinkVerdict, fingerprint, lint
from alerts.rendering.service import RenderedEdition
from alerts.rendering.slots import Slot
from tests.data.rendering import samples


def _dead(*addresses: str) -> list[Finding]:
    ours = (Slot.UNSUBSCRIBE_URL.value, Slot.PREFERENCES_URL.value)
    links = "".join(f'<a href="{one}">Words</a>' for one in (*addresses, *ours))
    text = "Words to read. " * 20 + "\n".join(ours)
    edition = RenderedEdition(
        subject="A subject",
        html=f'<html lang="en"><body><p>{links}</p></body></html>',
        text=text,
    )
    states = {one: LinkState(LinkVerdict.DEAD, "the page is gone (404)") for one in addresses}
    return lint(samples.gp_alert(), edition, Known(links=states))


def test_many_dead_links_of_one_site_are_one_warning_with_each_within() -> None:
    away = [f"https://away.example/{n}" for n in range(12)]
    alone, one = _dead(*away, "https://other.example/x")[::-1]
    assert (alone.about, alone.within) == ("https://other.example/x", ())
    assert (one.level, one.rule, one.about) == ("warning", "link-dead", "away.example")
    assert one.message == "12 links to away.example are dead"
    assert [part.about for part in one.within] == away
    assert all(part.rule == "link-dead" for part in one.within)


def test_one_dead_link_more_is_another_finding() -> None:
    away = [f"https://away.example/{n}" for n in range(4)]
    [three], [four], [turned] = _dead(*away[:3]), _dead(*away), _dead(*away[2::-1])
    assert fingerprint(three) != fingerprint(four)
    assert fingerprint(three) == fingerprint(turned)


def test_two_dead_links_of_a_site_are_two_warnings() -> None:
    assert len(_dead("https://away.example/1", "https://away.example/2")) == 2
