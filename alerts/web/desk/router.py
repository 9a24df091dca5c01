"""All of the desk under one address."""

from fastapi import APIRouter

from alerts.web.desk import account, device, log, logging_in, overview, passwords, staff
from alerts.web.desk.looking import checks, look
from alerts.web.desk.newsletters import form, numbers, pages, schedules, text

NEWSLETTERS = (form, text, schedules, numbers, pages)
PARTS = (logging_in, passwords, overview, look, checks, account, device, *NEWSLETTERS, staff, log)

router = APIRouter(prefix="/desk")
for _part in PARTS:
    router.include_router(_part.router)
