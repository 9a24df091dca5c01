"""Feeds mutated mails to the reader of returned mail: nothing may raise, hang, or fill the memory.

Coverage leads the mutations (atheris, libFuzzer). What is found is left in the folder as a file,
which `alerts inbound read FILE --dry-run` reads as well.
"""

import shutil
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["alerts.inbound"]):
    from alerts.inbound.providers.service import READERS
    from alerts.inbound.reading.read import read_mail

_SAMPLES = Path(__file__).resolve().parent.parent / "tests" / "data" / "inbound"
_LONGEST = 30_000
# A mail of this size takes milliseconds; instrumented, ten times as long.
_SLOWEST_SECONDS = 5
_MOST_MEGABYTES = 1_500


def _read(data: bytes) -> None:
    read_mail(data, ours=("alerts@newsroom.example",)).to_json("fuzz")
    if data[:1] in {b"{", b"["}:
        for reader in READERS.values():
            try:
                reader(data)
            except Exception as error:
                # No JSON at all is refused before an event is stored.
                if type(error).__name__ != "Invalid":
                    raise


def main() -> None:
    """Fuzz for the seconds that the command line names, a minute without."""
    seconds = sys.argv[1] if len(sys.argv) > 1 else "60"
    with tempfile.TemporaryDirectory(prefix="alerts-fuzz-") as name:
        for sample in _SAMPLES.glob("*.eml"):
            shutil.copy(sample, name)
        options = [
            f"-max_total_time={seconds}",
            f"-max_len={_LONGEST}",
            f"-timeout={_SLOWEST_SECONDS}",
            f"-rss_limit_mb={_MOST_MEGABYTES}",
            "-print_final_stats=1",
        ]
        atheris.Setup([sys.argv[0], *options, name], _read)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
