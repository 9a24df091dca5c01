"""All of the desk under one address."""

from fastapi import APIRouter

from alerts.web.desk import account, device, log, logging_in, overview, passwords, staff
from alerts.web.desk.articles import ARTICLE_ROOMS
from alerts.web.desk.sources import SOURCE_ROOMS
from alerts.web.desk.subscribers import SUBSCRIBER_ROOMS

PARTS = (
    *(logging_in, passwords, overview, account, device, staff, log),
    *ARTICLE_ROOMS,
    *SOURCE_ROOMS,
    *SUBSCRIBER_ROOMS,
)

router = APIRouter(prefix="/desk")
for _part in PARTS:
    router.include_router(_part.router)
