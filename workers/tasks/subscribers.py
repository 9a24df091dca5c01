"""Tasks of the subscriber store."""

from alerts.delivery.welcoming import send_welcome
from alerts.newsletters.service import offers
from alerts.subscribers.uploads.service import waiting_to_confirm
from alerts.task_queue import Queue, Task
from workers.app import app
from workers.process import parts

# What the broker holds in memory meanwhile; the sweeper sees to whom is left.
_MOST_ASKED_AT_ONCE = 50_000


@app.task(name=Task.SEND_CONFIRMATION.value)
def confirm(subscriber_id: int, mail_id: int | None = None) -> None:
    """Mail the link that confirms a sign-up; `mail_id` is the mail that asked for it, if any."""
    from alerts.inbound.answering import answered_id

    worker = parts()
    answers = answered_id(worker.database, mail_id) if mail_id else None
    worker.loop.run(worker.confirmations.send(subscriber_id, answers=answers))


@app.task(name=Task.SEND_WELCOME.value)
def welcome(subscription_id: int) -> None:
    """Mail the welcome to a new reader of a newsletter."""
    worker = parts()
    worker.loop.run(
        send_welcome(
            worker.database,
            subscription_id,
            settings=worker.settings,
            renderer=worker.renderer,
            links=worker.links,
            transport=worker.transport,
            clock=worker.clock,
            signer=worker.signer,
        )
    )


@app.task(name=Task.TAKE_UPLOAD.value)
def take(upload_id: int) -> None:
    """Work off a file of subscribers: look what it would do, or import it."""
    from alerts.subscribers.uploads.working import take_upload

    worker = parts()
    with worker.database.read() as session:
        offered = offers(session)
    take_upload(
        worker.database,
        upload_id,
        offers=offered,
        suppression_keys=worker.settings.secret_key,
        clock=worker.clock,
    )
    with worker.database.read() as session:
        waiting = waiting_to_confirm(session, upload_id, limit=_MOST_ASKED_AT_ONCE)
    for subscriber_id in waiting:
        # With the least urgent queue: who signs up at this moment does not wait for a whole file.
        worker.queue.enqueue(Task.SEND_CONFIRMATION, subscriber_id, queue=Queue.DIGESTS)
