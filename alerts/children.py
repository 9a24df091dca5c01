"""Processes that we start and stop: none is to outlive us, however we end."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

# From linux/prctl.h; what is set there outlives exec.
_SET_PARENT_DEATH_SIGNAL = 1


def end_with_parent() -> Callable[[], None] | None:
    """Return what a child does first (`preexec_fn`), so that it gets SIGTERM when we are gone.

    Who is killed stops nothing any more. It takes no lock and imports nothing, as it runs between
    fork and exec. The kernel sends the signal when the very thread ends that started the child: a
    main thread starts it. None where the system knows nothing of the kind.
    """
    if sys.platform != "linux":
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def ask() -> None:
        prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
        if os.getppid() != parent:
            # Killed in between: there is nobody whose end could be told.
            os._exit(1)

    return ask
