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
    staff,
)
from alerts.web.desk.articles import ARTICLE_ROOMS
from alerts.web.desk.looking import checks, look
from alerts.web.desk.newsletters import form, numbers, pages, schedules, text
from alerts.web.desk.sources import SOURCE_ROOMS
from alerts.web.desk.subscribers import SUBSCRIBER_ROOMS

LOOKING = (look, checks)
NEWSLETTERS = (form, text, schedules, numbers, pages)
OPERATIONS = (operations, release)
PARTS = (
    logging_in,
    passwords,
    overview,
    *LOOKING,
    *ARTICLE_ROOMS,
    *SOURCE_ROOMS,
    *NEWSLETTERS,
    *SUBSCRIBER_ROOMS,
    *OPERATIONS,
    account,
    device,
    staff,
    log,
)

router = APIRouter(prefix="/desk")
for _part in PARTS:
    router.include_router(_part.router)
