"""All of the desk under one address."""

from fastapi import APIRouter

from alerts.web.desk import account, device, log, logging_in, overview, passwords, staff
from alerts.web.desk.sending import acts as sending_acts
from alerts.web.desk.sending import page as sending_page
from alerts.web.desk.sending import progress as sending_progress
from alerts.web.desk.sending import report as sending_report

SENDING = (sending_page, sending_acts, sending_progress, sending_report)
PARTS = (logging_in, passwords, overview, account, device, staff, log, *SENDING)

router = APIRouter(prefix="/desk")
for _part in PARTS:
    router.include_router(_part.router)
