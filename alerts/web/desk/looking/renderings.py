"""Rendered issues, kept until they or a template change: one look asks for a mail several times."""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from alerts.newsletters.content import IssueContent
from alerts.rendering.frame import Frame
from alerts.rendering.service import RenderedEdition, Renderer

# A rendering has some 200 KB: a few megabytes in all.
_MOST = 32
_KEPT_SECONDS = 3_600.0


class Renderings:
    """Keeps the latest renderings, by everything that they follow from."""

    def __init__(
        self,
        most: int = _MOST,
        seconds: float = _KEPT_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._seconds, self._monotonic = most, seconds, monotonic
        self._kept: OrderedDict[str, tuple[float, RenderedEdition]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str, make: Callable[[], RenderedEdition]) -> RenderedEdition:
        """Return what is kept under a key, or make and keep it."""
        with self._lock:
            until, found = self._kept.get(key, (0.0, None))
            if found is not None and self._monotonic() < until:
                self._kept.move_to_end(key)
                return found
        made = make()
        with self._lock:
            self._kept[key] = (self._monotonic() + self._seconds, made)
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return made


KEPT = Renderings()


def rendered(
    renderer: Renderer,
    content: IssueContent,
    frame: Frame,
    *,
    archive_url: str,
    home_url: str,
    kept: Renderings = KEPT,
) -> RenderedEdition:
    """Return an issue as it would be mailed, rendered anew when it or a template has changed.

    Raises Invalid and Refused as the renderer does.
    """
    templates = renderer.folders.state()
    follows_from = f"{content.checksum()}\0{frame.mark}\0{archive_url}\0{home_url}\0{templates}"
    return kept.get(
        hashlib.sha256(follows_from.encode()).hexdigest(),
        lambda: renderer.render(content, archive_url=archive_url, home_url=home_url, frame=frame),
    )
