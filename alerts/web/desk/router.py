"""All of the desk under one address."""

from fastapi import APIRouter

from alerts.web.desk import account, device, log, logging_in, overview, passwords, staff
from alerts.web.desk.issues import composing, history, one, room

ISSUES = (room, one, composing, history)
PARTS = (logging_in, passwords, overview, account, device, staff, log, *ISSUES)

router = APIRouter(prefix="/desk")
for _part in PARTS:
    router.include_router(_part.router)
