"""One request to the API: who asks, and the transaction in which an act is done and answered."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from alerts.clock import Clock, rfc3339
from alerts.kept_answers import Answer, Keyed, give_back_key, keep_answer, take_key
from alerts.staff.audit import Subject, record
from alerts.task_queue import Queue, Task
from alerts.web.api.access import Caller
from alerts.web.site import Site


class Replayed(Exception):
    """Somebody was first with this Idempotency-Key: the first answer is given again."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("answered before")
        self.answer = answer


def as_json(document: object) -> str:
    """Return a document as the API writes it; moments are RFC 3339 in UTC."""
    return json.dumps(document, ensure_ascii=False, default=_moment)


def _moment(value: object) -> str:
    if isinstance(value, datetime):
        return rfc3339(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def respond(answer: Answer) -> Response:
    """Return an answer as a response, kept by no cache."""
    headers = {"Cache-Control": "no-store"} | answer.headers
    return Response(
        answer.body or None,
        status_code=answer.status,
        headers=headers,
        media_type="application/json" if answer.body else None,
    )


@dataclass
class Acting:
    """An act within its transaction: what is written down, enqueued and answered."""

    session: Session
    caller: Caller
    clock: Clock
    tasks: list[tuple[Task, tuple[int, ...], Queue]] = field(default_factory=list)
    given: Answer | None = None

    def record(self, act: str, subject: Subject, **details: object) -> None:
        """Write the act down in the audit log."""
        record(self.session, self.caller.actor, act, subject, clock=self.clock, **details)

    def enqueue(self, task: Task, *ids: int, queue: Queue) -> None:
        """Hand work over once the transaction is committed."""
        self.tasks.append((task, ids, queue))

    def answer(
        self, document: object, *, status: int = 200, headers: dict[str, str] | None = None
    ) -> Response:
        """Answer with a document (None: with no body); the same key gets it again."""
        body = "" if document is None else as_json(document)
        self.given = Answer(status, body, headers or {})
        return respond(self.given)


@dataclass(frozen=True)
class Call:
    """A request of a program that may do what it asks for."""

    site: Site
    request: Request
    caller: Caller
    keyed: Keyed | None

    @property
    def clock(self) -> Clock:
        """The site's clock."""
        return self.site.runtime.clock

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Yield a session to read from."""
        with self.site.runtime.database.read() as session:
            yield session

    @contextmanager
    def acting(self) -> Iterator[Acting]:
        """Yield an act in a transaction, with its key; enqueue what it asks for afterwards.

        Raises Replayed when a request with the same key was answered meanwhile.
        """
        with self.site.runtime.database.transaction() as session:
            self._take_key(session)
            acting = Acting(session, self.caller, self.clock)
            yield acting
            self._keep(session, acting)
        self._enqueue(acting)

    @contextmanager
    def acting_outside(self) -> Iterator[list[Any]]:
        """Hold the key while something is done outside of any transaction, such as a test mail.

        What is appended to the list, a function of an `Acting`, is done in a transaction at the
        end. An error gives the key back.
        """
        database = self.site.runtime.database
        with database.transaction() as session:
            self._take_key(session)
        afterwards: list[Any] = []
        try:
            yield afterwards
        except BaseException:
            if self.keyed is not None:
                with database.transaction() as session:
                    give_back_key(session, self.keyed)
            raise
        with database.transaction() as session:
            acting = Acting(session, self.caller, self.clock)
            for write in afterwards:
                write(acting)
            self._keep(session, acting)
        self._enqueue(acting)

    def _take_key(self, session: Session) -> None:
        if self.keyed is None:
            return
        known = take_key(session, self.keyed, clock=self.clock)
        if known is not None:
            raise Replayed(known)

    def _keep(self, session: Session, acting: Acting) -> None:
        if self.keyed is not None and acting.given is not None:
            keep_answer(session, self.keyed, acting.given)

    def _enqueue(self, acting: Acting) -> None:
        for task, ids, queue in acting.tasks:
            self.site.queue.enqueue(task, *ids, queue=queue)


def call_of(request: Request) -> Call:
    """Return the call that the route made of a request."""
    call: Call = request.state.call
    return call


CurrentCall = Annotated[Call, Depends(call_of)]
