"""Forms of the desk that bring a file, or more text than other forms may hold.

The file lies on the disk while it is read. Nothing of the body is read before it is known who
sends it; the route says with `max_body_size` how much there may be.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import IO, Annotated

from fastapi import Depends, Request
from starlette.datastructures import UploadFile

from alerts.subscribers.details import printable
from alerts.web.desk.frame import DeskVisit, StaleForm, form_session, refuse_other_sites
from alerts.web.forms import Fields

_MOST_FIELDS = 200
_LONGEST_NAME = 200
# Of one field that is typed or pasted.
LONGEST_FIELD = 6 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """A form with its file; `file` is None, and `name` empty, where none was chosen."""

    fields: Fields
    name: str = ""
    file: IO[bytes] | None = None
    size: int = 0


async def uploaded(desk: DeskVisit, request: Request) -> AsyncIterator[Upload]:
    """Yield a form that the desk handed out to this very session; raises StaleForm."""
    refuse_other_sites(request)
    async with request.form(
        max_files=1, max_fields=_MOST_FIELDS, max_part_size=LONGEST_FIELD
    ) as form:
        pairs = tuple(
            (name, value.replace("\0", ""))
            for name, value in form.multi_items()
            if isinstance(value, str)
        )
        fields = Fields(pairs)
        # A failure further on shows what was typed; the body can be read only once.
        request.state.fields = fields
        if form_session(desk.site, fields) != str(desk.visit.session_id):
            raise StaleForm
        files = (value for _, value in form.multi_items() if isinstance(value, UploadFile))
        file = next((one for one in files if one.filename), None)
        if file is None:
            yield Upload(fields)
        else:
            name = printable((file.filename or "").replace("\\", "/").rpartition("/")[2], 200)
            yield Upload(fields, name[:_LONGEST_NAME], file.file, file.size or 0)


PostedUpload = Annotated[Upload, Depends(uploaded)]
