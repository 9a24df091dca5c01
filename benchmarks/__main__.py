"""`make bench`: the delivery's figures, as ratios against a reference in the same run."""

import argparse
import json
import signal
import sys
from pathlib import Path
from types import FrameType

from benchmarks.cases import CASES, PIECES
from benchmarks.large import full
from benchmarks.machine import facts
from benchmarks.processes import BadRun
from benchmarks.report import HEADING, Report
from benchmarks.workshop import QUICK, Sizes, Workshop

_INTERRUPTED = 130


def main() -> int:
    """Run the cases named, or all; the status is 1 when one could not be measured."""
    arguments = _arguments()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    for name in arguments.cases:
        if name in PIECES:
            print(f"{name}:")
            PIECES[name]()
    cases = [name for name in arguments.cases or CASES if name in CASES]
    if not cases:
        return 0
    sizes = QUICK if arguments.quick else Sizes()
    report = Report()
    try:
        _measure(report, cases, full(sizes) if arguments.full else sizes)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; all that was started is stopped\n")
        return _INTERRUPTED
    if arguments.json:
        document = json.dumps(report.document(), ensure_ascii=False, indent=2)
        arguments.json.write_text(document + "\n")
    return 0 if report.valid else 1


def _measure(report: Report, cases: list[str], sizes: Sizes) -> None:
    with Workshop(sizes) as workshop:
        report.machine = facts(workshop.postgres)
        for name, value in report.machine.items():
            print(f"{name}: {value}")
        print(f"\n{HEADING}", flush=True)
        for name in cases:
            try:
                lines = CASES[name](workshop)
            except BadRun as error:
                report.invalid[name] = str(error)
                print(f"{name}: invalid, {error}", flush=True)
                continue
            report.lines += lines
            for line in lines:
                print(line.text(), flush=True)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # A second one must not keep the first from stopping what was started.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _arguments() -> argparse.Namespace:
    known = [*CASES, *PIECES]
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument(
        "cases",
        nargs="*",
        metavar="CASE",
        help=f"which of {', '.join(known)}; default: {len(CASES)} of delivery",
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="small sizes, to try it out")
    size.add_argument("--full", action="store_true", help="a whole million messages in `scale`")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results as JSON too")
    arguments = parser.parse_args()
    for name in arguments.cases:
        if name not in known:
            parser.error(f"there is no case {name!r}; known are {', '.join(known)}")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
