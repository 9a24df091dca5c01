"""What `alerts worker` and `alerts beat` turn into: the parts of Celery that run, started directly.

Celery's own command would do as well, but it brings a shell with completion along that each process
of the pool then carries for life: seven megabytes, and a fifth of a second at the start.
"""

import argparse
import os
import sys

from celery.utils.nodenames import host_format

from workers.app import app

_LOG_LEVEL = "WARNING"


def main() -> int:
    """Run the part that is named until it is asked to end; the status is Celery's own."""
    arguments = _arguments()
    if arguments.part == "beat":
        app.Beat(loglevel=_LOG_LEVEL, quiet=True).run()
        return 0
    worker = app.Worker(
        hostname=host_format(f"alerts-{os.getpid()}@%h"),
        concurrency=arguments.processes,
        queues=arguments.queues,
        loglevel=_LOG_LEVEL,
        quiet=True,
        # What workers know of each other they know from the database.
        without_gossip=True,
        without_mingle=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m workers", description=__doc__)
    parts = parser.add_subparsers(dest="part", required=True)
    worker = parts.add_parser("worker", help="take tasks from queues")
    worker.add_argument("--queues", required=True, help="names, separated by commas")
    worker.add_argument("--processes", type=int, required=True, help="how many, for the tasks")
    parts.add_parser("beat", help="tick")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
