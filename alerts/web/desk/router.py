"""All of the desk under one address."""

from fastapi import APIRouter

from alerts.web.desk import (
    account,
    device,
    log,
    logging_in,
    operations,
    overview,
    passwords,
    release,
    returned,
    staff,
    webhooks,
)
from alerts.web.desk.articles import ARTICLE_ROOMS
from alerts.web.desk.issues import composing, history, one, room
from alerts.web.desk.looking import checks, look
from alerts.web.desk.newsletters import form, numbers, pages, schedules, text
from alerts.web.desk.sending import acts as sending_acts
from alerts.web.desk.sending import page as sending_page
from alerts.web.desk.sending import progress as sending_progress
from alerts.web.desk.sending import report as sending_report
from alerts.web.desk.sources import SOURCE_ROOMS
from alerts.web.desk.subscribers import SUBSCRIBER_ROOMS

ISSUES = (room, one, composing, history)
LOOKING = (look, checks)
SENDING = (sending_page, sending_acts, sending_progress, sending_report)
NEWSLETTERS = (form, text, schedules, numbers, pages)
OPERATIONS = (operations, release)
PARTS = (
    logging_in,
    passwords,
    overview,
    *ISSUES,
    *LOOKING,
    *SENDING,
    *ARTICLE_ROOMS,
    *SOURCE_ROOMS,
    *NEWSLETTERS,
    *SUBSCRIBER_ROOMS,
    returned,
    *OPERATIONS,
    webhooks,
    account,
    device,
    staff,
    log,
)

router = APIRouter(prefix="/desk")
for _part in PARTS:
    router.include_router(_part.router)
