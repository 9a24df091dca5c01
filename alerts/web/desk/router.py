"""All of the desk under one address."""

from fastapi import APIRouter

from alerts.web.desk import account, device, log, logging_in, overview, passwords, staff, webhooks

PARTS = (logging_in, passwords, overview, account, device, webhooks, staff, log)

router = APIRouter(prefix="/desk")
for _part in PARTS:
    router.include_router(_part.router)
