"""How often a process looks for objects that nothing refers to any more."""

import gc

# A page or a message makes some thousands of objects that go with it, and hardly a cycle. What is
# imported stays, and would be looked through for every few hundred objects, as Python does by
# itself.
_AFTER = (20_000, 20, 20)


def collect_seldom() -> None:
    """Have this process look for garbage less often than Python does by itself."""
    gc.set_threshold(*_AFTER)
