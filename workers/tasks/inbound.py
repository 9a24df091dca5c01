"""Tasks of mail that came back."""

from alerts.task_queue import Task
from workers.app import app
from workers.process import parts


@app.task(name=Task.READ_MAIL.value)
def read_mail(*mail_ids: int) -> None:
    """Read stored mails and let each have its effect."""
    from alerts.inbound.working import work_off

    worker = parts()
    for to_do in work_off(worker.desk, *mail_ids):
        worker.queue.enqueue(to_do.task, *to_do.ids, queue=to_do.queue)


@app.task(name=Task.ANSWER_MAIL.value)
def answer(mail_id: int) -> None:
    """Send what is owed because of a mail: help, or the mail itself to whoever reads replies."""
    from alerts.inbound.answering import answer_mail

    worker = parts()
    worker.loop.run(
        answer_mail(
            worker.desk,
            mail_id,
            renderer=worker.renderer,
            transport=worker.transport,
            signer=worker.signer,
        )
    )


@app.task(name=Task.FETCH_MAIL.value)
def fetch(mailbox_id: int) -> None:
    """Look into a mailbox of the settings, and store what is new."""
    from alerts.inbound.fetching.polling import look_into

    worker = parts()
    look_into(
        worker.database,
        mailbox_id,
        settings=worker.settings,
        queue=worker.queue,
        clock=worker.clock,
    )
