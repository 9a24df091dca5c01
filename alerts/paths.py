"""Where the program's own data files lie: in the installed package, or in the checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def templates_dir(kind: str) -> Path:
    """Return the folder of templates of a kind, `email` or `web`.

    The wheel carries them inside the package as `_templates`; a checkout keeps them at its top.
    """
    packaged = _PACKAGE / "_templates" / kind
    return packaged if packaged.is_dir() else _PACKAGE.parent / "templates" / kind


def sample_photos_dir(data_dir: Path) -> Path:
    """Return where the demo puts the sample newsroom's photos and the web part serves them from."""
    return data_dir / "newsroom" / "photos"
