"""`make bench`: what our own code costs, as ratios against a reference in the same run."""

import sys
from collections.abc import Callable

from benchmarks import assembly, reading

BENCHMARKS: dict[str, Callable[[], None]] = {
    "assembly": assembly.run,
    "reading": reading.run,
}


def main() -> int:
    """Run the benchmarks named, or all of them."""
    names = sys.argv[1:] or list(BENCHMARKS)
    for name in names:
        if name not in BENCHMARKS:
            sys.stderr.write(f"there is no benchmark {name!r}; known are {', '.join(BENCHMARKS)}\n")
            return 2
        print(f"{name}:")
        BENCHMARKS[name]()
    return 0


sys.exit(main())
