"""Whether what is old is removed at night, as the settings promise it to readers."""

from datetime import datetime, timedelta

from alerts.operations.doctor.findings import Check, Finding
from alerts.operations.removals import Removal, trouble_with

# A night later than the last one that should have been.
_LATELY = timedelta(hours=50)
_MEND = (
    "Mend what it says; `alerts prune` does it now, and says what is wrong. By itself it is tried"
    " every ten minutes."
)
_BEGIN = (
    "See whether a worker and the beat run, with `alerts status`; they do it at 20:40 UTC."
    " `alerts prune` does it now."
)


def check_removal(last: Removal | None, night: Removal | None, *, now: datetime) -> Finding:
    """Judge the newest removal, and the night's where it has not ended."""
    check = Check.REMOVAL
    trouble = trouble_with(night, now=now) if night else None
    failed = night if night and night.failure else last
    if trouble:
        return Finding.error(check, trouble, _MEND)
    if last is None or failed is None:
        return Finding.note(check, "nothing old was ever removed here; the night does it")
    if failed.failure:
        what = f"the removal of {_at(failed.began_at)} failed at “{failed.at}”: {failed.failure}"
        return Finding.warning(check, what, _MEND)
    if last.state == "done" and now - last.moved_at > _LATELY:
        return Finding.warning(check, f"nothing old was removed since {_at(last.moved_at)}", _BEGIN)
    if last.state == "done":
        return Finding.ok(check, f"what is old was removed on {_at(last.moved_at)}: {last.words}")
    moved = f"began {_at(last.began_at)}, moved last {_at(last.moved_at)}"
    return Finding.ok(check, f"what is old is being removed ({moved}): {last.words}")


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
