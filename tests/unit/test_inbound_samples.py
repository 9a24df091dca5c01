"""Bounces that others have collected: how many of them our own reading understands.

They are not ours to keep here: `make test` fetches the source distribution of flufl.bounce, GNU
Mailman's reader, which is tested with them; what it finds in them is what is right.
"""

import sys
from email import message_from_bytes
from pathlib import Path

import pytest
from flufl.bounce import all_failures

from alerts.inbound.reading.read import read_mail

SAMPLES = Path(sys.prefix, "samples")
# Two of them name a reader by half an address, which only a rule for that very host completes.
SHARE = 0.97


@pytest.fixture(scope="module")
def samples() -> list[Path]:
    found = sorted(SAMPLES.glob("flufl*bounce-*/tests/data/*.txt"))
    if not found:
        pytest.skip(f"no samples in {SAMPLES}; `make test` fetches them")
    return found


def test_the_recipients_of_others_samples_are_found_without_a_second_opinion(
    samples: list[Path],
) -> None:
    wrong = {}
    for path in samples:
        raw = path.read_bytes()
        temporary, permanent = all_failures(message_from_bytes(raw))
        expected = {address.decode().lower() for address in (*temporary, *permanent)}
        read = {address.lower() for address in read_mail(raw, alone=True).recipients}
        if read != expected:
            wrong[path.name] = (read, expected)
    share = 1 - len(wrong) / len(samples)
    sys.stdout.write(f"{len(samples)} bounces, recipients right in {share:.1%}\n")
    assert share >= SHARE, wrong
