"""Where email templates lie: ours, and those that newsletters bring themselves."""

import os
from collections.abc import Callable
from pathlib import Path

from jinja2 import BaseLoader, Environment, FileSystemLoader
from typing_extensions import override

_BASE = "_base"


class TemplateFolders(BaseLoader):
    """Loads `NAME/FILE` from a newsletter's own folder, where there is one, else from ours.

    A folder counts as a whole: of two with the same name the own one is meant, and a file missing
    there is missing. The frame that all share, `_base`, is always ours.
    """

    def __init__(self, folder: Path, own: Path | None = None) -> None:
        self._folder, self._own = folder, own
        self._ours = FileSystemLoader(folder)
        self._theirs = FileSystemLoader(own) if own else None

    def find(self, name: str) -> Path | None:
        """Return the folder of a template's name; None where there is none."""
        own = self._own / name if self._own else None
        if own is not None and name != _BASE and own.is_dir():
            return own
        ours = self._folder / name
        return ours if ours.is_dir() else None

    def names(self) -> list[str]:
        """Return the names of all templates there are."""
        folders = [self._folder] + ([self._own] if self._own and self._own.is_dir() else [])
        found = {path.name for folder in folders for path in folder.iterdir() if path.is_dir()}
        return sorted(name for name in found if not name.startswith(("_", ".")))

    def state(self) -> str:
        """Return what changes whenever a file of any template does: names, times and sizes."""
        folders = [self._folder] + ([self._own] if self._own and self._own.is_dir() else [])
        files = (
            (file.path, file.stat())
            for folder in folders
            for template in os.scandir(folder)
            if template.is_dir()
            for file in os.scandir(template.path)
        )
        return repr(sorted((path, stat.st_mtime_ns, stat.st_size) for path, stat in files))

    @override
    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        """Return a template's text, its path, and whether it is still as it was read."""
        name = template.partition("/")[0]
        is_theirs = self._own is not None and self.find(name) == self._own / name
        loader = self._theirs if is_theirs and self._theirs else self._ours
        return loader.get_source(environment, template)
