"""Rendered issues, kept while somebody looks: one look asks for the same mail several times."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from alerts.newsletters.content import IssueContent
from alerts.rendering.frame import Frame
from alerts.rendering.service import RenderedEdition, Renderer

# A rendering has some 200 KB: a few megabytes in all.
_MOST = 32


class Renderings:
    """Keeps the latest renderings, by everything that they follow from."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._kept: OrderedDict[str, RenderedEdition] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str, make: Callable[[], RenderedEdition]) -> RenderedEdition:
        """Return what is kept under a key, or make and keep it."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        with self._lock:
            self._kept[key] = made
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
    """Return an issue as it would be mailed, rendered anew only when anything of it changed.

    Raises Invalid and Refused as the renderer does.
    """
    follows_from = (
        content.checksum(),
        frame.mark,
        archive_url,
        home_url,
        stamp_of(renderer.folder, content.template),
    )
    key = hashlib.sha256("\0".join(follows_from).encode()).hexdigest()
    return kept.get(
        key,
        lambda: renderer.render(content, archive_url=archive_url, home_url=home_url, frame=frame),
    )


def stamp_of(folder: Path, template: str) -> str:
    """Return a text that changes when a file of a template, or of the frame, does."""
    stamps = [str(folder)]
    for name in ("_base", template):
        for path in sorted((folder / name).rglob("*")):
            status = path.stat()
            stamps.append(f"{path.name} {status.st_mtime_ns} {status.st_size}")
    return "\n".join(stamps)
