"""The cases by name: the delivery's figures, and what single pieces of our own code cost."""

from collections.abc import Callable

from benchmarks import (
    asking,
    assembly,
    crowd,
    desk,
    far,
    importing,
    intake,
    large,
    near,
    placing,
    polling,
    reading,
    returning,
)
from benchmarks.report import Line
from benchmarks.workshop import Workshop

CASES: dict[str, Callable[[Workshop], list[Line]]] = {
    "throughput": near.throughput,
    "naive": near.naive,
    "sqlite": near.sqlite,
    "signed": near.signed,
    "variants": near.variants,
    "latency": far.latency,
    "workers": far.workers,
    "scale": large.scale,
    "first": large.first,
    "crowd": crowd.crowd,
}
# These print what they find, and are run when they are asked for.
PIECES: dict[str, Callable[[], None]] = {
    "asking": asking.run,
    "assembly": assembly.run,
    "desk": desk.run,
    "importing": importing.run,
    "importing-million": importing.run_million,
    "intake": intake.run,
    "polling": polling.run,
    "placing": placing.run,
    "reading": reading.run,
    "returning": returning.run,
}
