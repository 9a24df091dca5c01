"""What an installation keeps in files of its own: which of them go along in a backup, and where to.

Without its key no link in a sent mail works any more, and without its templates a newsletter that
brings its own cannot be rendered. What the settings name stays with the settings: keys for DKIM,
certificates and `.env` itself are of the machine, and not of the newsroom.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from alerts.articles.topics import OVERRIDE
from alerts.config import SECRET_FILE, Settings
from alerts.errors import Refused
from alerts.operations.backup.form import LARGEST_FILE

# Of the data folder.
KEPT_FILES = (SECRET_FILE, OVERRIDE)
_TEMPLATES = "templates/email/"
_ASIDE = ".before-restore"


def kept_files(settings: Settings) -> Iterator[tuple[str, bytes]]:
    """Yield the files that go along, each by its name in the backup.

    Raises Refused for one that no backup takes: what is left out silently is missed too late.
    """
    for name in KEPT_FILES:
        path = settings.data_dir / name
        if path.is_file():
            yield name, _content(path)
    folder = settings.own_templates
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not _is_aside(name):
            yield f"{_TEMPLATES}{name}", _content(path)


def place_of(name: str, settings: Settings) -> Path | None:
    """Return where a backup's file belongs; None for what has no place here.

    A key that the settings name counts more than that of a backup.
    """
    if name.startswith(_TEMPLATES):
        rest = PurePosixPath(name.removeprefix(_TEMPLATES))
        is_below = not rest.is_absolute() and ".." not in rest.parts and bool(rest.parts)
        return settings.own_templates / rest if is_below else None
    if name not in KEPT_FILES:
        return None
    path = settings.data_dir / name
    if name == SECRET_FILE:
        is_ours = path.exists() and settings.secret_key == (path.read_text().strip(),)
        return path if is_ours else None
    return path


@contextmanager
def put_in_place(contents: Iterator[tuple[Path, bytes]]) -> Iterator[None]:
    """Write files for their owner alone; take them away again when what follows fails.

    What was there under a name is kept beside it. Raises Refused where a file cannot be written.
    """
    placed: list[tuple[Path, Path | None]] = []
    try:
        for path, content in contents:
            try:
                placed += _place(path, content)
            except OSError as error:
                raise Refused(
                    f"nothing was restored: {path} cannot be written: {error.strerror}"
                ) from error
        yield
    except BaseException:
        for path, before in reversed(placed):
            path.unlink(missing_ok=True)
            if before is not None:
                before.rename(path)
        raise


def _place(path: Path, content: bytes) -> list[tuple[Path, Path | None]]:
    """Write a file; return it with where the one that it replaces is kept."""
    before: Path | None = None
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        if path.read_bytes() == content:
            return []
        before = path.with_name(f"{path.name}{_ASIDE}")
        path.replace(before)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(content)
    return [(path, before)]


def _is_aside(name: str) -> bool:
    """Tell whether a file is none of a template's: hidden, or put aside by a restore."""
    parts = PurePosixPath(name).parts
    return name.endswith(_ASIDE) or any(part.startswith(".") for part in parts)


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise Refused(
                f"{path} has more than {LARGEST_FILE // 2**20} MiB, which no template needs; move"
                " it elsewhere, or the backup cannot be made"
            )
        return path.read_bytes()
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from error
