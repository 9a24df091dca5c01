"""Postmark's batches: by number, by size and by stream; each message has a fate of its own."""

from collections import Counter

import pytest

from alerts.delivery.outcome import Fate
from alerts.delivery.transports.base import Lane
from alerts.delivery.transports.providers.postmark import LARGEST_REQUEST
from tests.data.delivery.handing import large, made, outgoing, send
from tests.data.delivery.providers import FakePostmark, served

pytestmark = pytest.mark.usefixtures("no_proxy")


def test_postmark_gets_small_batches_and_single_mails_in_their_own_stream() -> None:
    fake = FakePostmark()
    letters = outgoing(*(f"r{n}@x.org" for n in range(120)))
    single = [m._replace(lane=Lane.TRANSACTIONAL) for m in outgoing("new@x.org", first=121)]
    with served(fake) as address:
        notes = send(made(fake.mail_url(address)), [*letters[:70], *single, *letters[70:]])
    assert fake.sizes == [50, 20, 1, 50]
    assert fake.streams == [{"news"}, {"news"}, {"outbound"}, {"news"}]
    assert len(notes.outcomes) == 121


def test_no_batch_is_larger_than_postmark_takes() -> None:
    fake = FakePostmark()
    short = outgoing("a@x.org", "b@x.org")
    long = large(outgoing(*(f"r{n}@x.org" for n in range(15)), first=3), 4_000_000)
    with served(fake) as address:
        notes = send(made(fake.mail_url(address)), [*short, *long])
    assert {outcome.fate for outcome in notes.outcomes.values()} == {Fate.ACCEPTED}
    assert Counter(m.recipient for m in fake.accepted) == Counter(
        m.recipient for m in (*short, *long)
    )
    assert sum(fake.sizes) == 17
    assert max(fake.octets) <= LARGEST_REQUEST < sum(fake.octets) - LARGEST_REQUEST
    # As many as fit, not one by one.
    assert len(fake.sizes) == 3


def test_each_message_of_a_batch_has_a_fate_of_its_own() -> None:
    fake = FakePostmark()
    with served(fake) as address:
        notes = send(made(fake.mail_url(address)), outgoing("a@x.org", "unknown@x.org", "b@x.org"))
    fates = [notes.outcomes[number].fate for number in (1, 2, 3)]
    assert fates == [Fate.ACCEPTED, Fate.PERMANENT, Fate.ACCEPTED]
    assert notes.outcomes[2].answer.startswith("406 ")
    assert fake.sizes == [3]


def test_a_broken_connection_leaves_a_whole_batch_in_doubt() -> None:
    fake = FakePostmark()
    with served(fake) as address:
        notes = send(made(fake.mail_url(address)), outgoing("cut@x.org", "a@x.org", "b@x.org"))
    assert [outcome.fate for outcome in notes.outcomes.values()] == [Fate.UNKNOWN] * 3
