"""The files beside the database in a backup: the key, the topics, newsletters' own templates."""

from pathlib import Path

import pytest

from alerts.clock import FixedClock
from alerts.config import Settings
from alerts.database import Database
from alerts.errors import Refused
from alerts.holding import hold_of
from alerts.operations.backup.files import place_of
from alerts.operations.backup.form import LARGEST_FILE
from alerts.operations.backup.writing import write_backup
from tests.data.operations.backups import KEY, own_templates, quiet, restored


def test_the_key_comes_back_and_the_one_it_replaces_is_kept(
    a_backup: Path, copy: Database, clock: FixedClock, tmp_path: Path
) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "secret-key").write_text("made-at-the-first-start-" + KEY)
    settings = Settings(data_dir=folder, secret_key=("made-at-the-first-start-" + KEY,))
    done = restored(copy, a_backup, settings, clock)
    assert done.files == ("secret-key",)
    assert (folder / "secret-key").read_text() == KEY
    assert (folder / "secret-key").stat().st_mode & 0o777 == 0o600
    assert (folder / "secret-key.before-restore").read_text().startswith("made-at")
    assert done.notes == ()


@pytest.mark.parametrize("elsewhere_by_setting", [False, True])
def test_templates_that_newsletters_bring_go_along_and_come_back(
    of_sqlite: Database,
    copy: Database,
    settings: Settings,
    clock: FixedClock,
    tmp_path: Path,
    elsewhere_by_setting: bool,
) -> None:
    own_templates(settings.own_templates, "africa", "“ours”")
    (settings.data_dir / "topics.toml").write_text("[topics]\n")
    path = tmp_path / "backup.zip"
    manifest = write_backup(of_sqlite, path, settings=settings, clock=clock, progress=quiet)
    names = [part.path.removeprefix("files/") for part in manifest.files]
    texts = [f"templates/email/africa/{name}" for name in ("body.html", "parts/head.html")]
    assert names == ["secret-key", "topics.toml", *texts, "templates/email/africa/subject.txt"]
    to = Settings(
        data_dir=tmp_path / "new",
        secret_key=(KEY,),
        templates_dir=tmp_path / "there" if elsewhere_by_setting else None,
    )
    own_templates(to.own_templates, "other", "stays")
    own_templates(to.own_templates, "africa", "younger")
    done = restored(copy, path, to, clock)
    assert set(done.files) == set(names) - {"secret-key"}
    folder = to.own_templates / "africa"
    assert (folder / "parts" / "head.html").read_text() == "“ours” parts/head.html"
    assert (folder / "body.html.before-restore").read_text() == "younger body.html"
    assert (to.own_templates / "other" / "body.html").read_text() == "stays body.html"
    again = tmp_path / "again.zip"
    other = write_backup(copy, again, settings=to, clock=clock, progress=quiet)
    assert not [part.path for part in other.files if "before-restore" in part.path]


def test_a_file_that_cannot_be_put_there_leaves_all_as_it_was(
    of_sqlite: Database, copy: Database, settings: Settings, clock: FixedClock, tmp_path: Path
) -> None:
    own_templates(settings.own_templates, "africa", "ours")
    (settings.data_dir / "topics.toml").write_text("[topics]\n")
    path = tmp_path / "backup.zip"
    write_backup(of_sqlite, path, settings=settings, clock=clock, progress=quiet)
    to = Settings(data_dir=tmp_path / "new", secret_key=(KEY,), templates_dir=tmp_path / "file")
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(Refused, match=r"nothing was restored: .* cannot be written: Not a dir"):
        restored(copy, path, to, clock)
    assert not (to.data_dir / "topics.toml").exists()
    with copy.read() as session:
        assert hold_of(session) is None


@pytest.mark.parametrize("name", ["../../evil", "/etc/evil", "templates/email/../../evil", "other"])
def test_a_file_goes_nowhere_but_where_it_belongs(settings: Settings, name: str) -> None:
    assert place_of(name, settings) is None


def test_what_is_too_large_for_a_backup_is_said_and_not_left_out(
    of_sqlite: Database, settings: Settings, clock: FixedClock, tmp_path: Path
) -> None:
    own_templates(settings.own_templates, "africa", "ours")
    (settings.own_templates / "africa" / "photo.tiff").write_bytes(bytes(LARGEST_FILE + 1))
    path = tmp_path / "backup.zip"
    with pytest.raises(Refused, match=r"photo\.tiff has more than 16 MiB"):
        write_backup(of_sqlite, path, settings=settings, clock=clock, progress=quiet)
    assert not path.exists()


def test_a_key_of_the_settings_counts_more_and_is_spoken_of(
    a_backup: Path, copy: Database, clock: FixedClock, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path / "new", secret_key=("from-the-environment-" + KEY,))
    done = restored(copy, a_backup, settings, clock)
    assert done.files == ()
    assert "ALERTS_SECRET_KEY is not the one" in done.notes[0]
