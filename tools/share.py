"""Prints how much of a folder of labelled mails is understood: recipients, and hard or not.

    python tools/share.py FOLDER LABELS.csv

The labels have a line for each recipient, `file,recipient,hard`, where `hard` is 1 or 0, and a line
with the file alone for a mail that is no bounce. What is wrong is listed, then the shares.
"""

import csv
import sys
from collections import Counter, defaultdict
from pathlib import Path

from alerts.delivery.bounces import Bounce
from alerts.inbound.reading.read import read_mail
from alerts.inbound.reading.record import Failure, Kind

_COLUMNS = ("file", "recipient", "hard")
_ARGUMENTS = 2


def labels_in(path: Path) -> dict[str, dict[str, bool]]:
    """Return for each file whether each of its recipients failed for good."""
    labels: dict[str, dict[str, bool]] = defaultdict(dict)
    with path.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream, fieldnames=_COLUMNS):
            mail = labels[row["file"] or ""]
            if row["recipient"]:
                mail[row["recipient"].lower()] = row["hard"] == "1"
    return labels


def _found(failures: tuple[Failure, ...], recipient: str) -> Failure | None:
    """Return what was read of a recipient: by whom we wrote to, or by where it failed."""
    return next(
        (one for one in failures if recipient in {one.address.lower(), (one.final or "").lower()}),
        None,
    )


def counted(folder: Path, labels: dict[str, dict[str, bool]]) -> Counter[str]:
    """Read each mail, list what is wrong, and return the counts."""
    counts: Counter[str] = Counter()
    for name, recipients in labels.items():
        reading = read_mail((folder / name).read_bytes())
        counts["mails"] += 1
        expected = {id(_found(reading.failures, one)) for one in recipients}
        extra = [one.address for one in reading.failures if id(one) not in expected]
        if reading.kind is Kind.BOUNCE and extra:
            counts["invented"] += len(extra)
            sys.stdout.write(f"{name}: invented {', '.join(extra)}\n")
        for recipient, hard in recipients.items():
            counts["recipients"] += 1
            found = _found(reading.failures, recipient)
            if found is None:
                sys.stdout.write(f"{name}: {recipient} was not found\n")
                continue
            counts["found"] += 1
            counts["classes"] += (found.bounce is Bounce.HARD) == hard
            if (found.bounce is Bounce.HARD) != hard:
                sys.stdout.write(f"{name}: {recipient} is {found.bounce}: {found.diagnostic}\n")
    return counts


def main() -> int:
    """Print the shares; 2 when the command line is wrong."""
    if len(sys.argv) != 1 + _ARGUMENTS:
        sys.stderr.write(f"usage: {sys.argv[0]} FOLDER LABELS.csv\n")
        return 2
    counts = counted(Path(sys.argv[1]), labels_in(Path(sys.argv[2])))
    found, recipients = counts["found"], max(1, counts["recipients"])
    sys.stdout.write(
        f"{counts['mails']} mails: {found} of {counts['recipients']} recipients found "
        f"({found / recipients:.1%}), hard or not right for {counts['classes']} of them "
        f"({counts['classes'] / max(1, found):.1%}), {counts['invented']} invented\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
