"""Watched folders: files that are new, or are no longer what they were."""

from collections.abc import Iterator
from pathlib import Path

from alerts.articles.intake import ENDINGS
from alerts.articles.sources.shown import MOST_ENTRIES, NoSource, Shown


def read_folder(folder: str) -> list[Shown]:
    """Return a folder's files, the newest first; the version is a file's size and time.

    Links that lead out of the folder are left alone. Raises NoSource when there is no such folder.
    """
    root = Path(folder).resolve()
    if not root.is_dir():
        raise NoSource(f"there is no folder {folder}")
    return [shown for _, shown in sorted(_files(root), key=lambda found: -found[0])][:MOST_ENTRIES]


def _files(root: Path) -> Iterator[tuple[int, Shown]]:
    for path in root.rglob("*"):
        if path.suffix.lower() not in ENDINGS or not path.resolve().is_relative_to(root):
            continue
        try:
            status = path.stat()
        except OSError:
            # It went away while we looked; the next look shows what is there then.
            continue
        if path.is_file():
            version = f"{status.st_size} {status.st_mtime_ns}"
            yield status.st_mtime_ns, Shown(url=str(path), version=version)
