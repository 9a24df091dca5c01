"""A worker whose broker goes away stays, even where letting go of the connection fails."""

import pytest
from celery import Celery
from celery.worker.consumer import Consumer
from kombu import Connection
from typing_extensions import override

from alerts.config import load_settings
from workers.app import make_app
from workers.consumer import PatientConsumer


class Broken(Connection):
    """A connection that is closed already when it is closed once more, as kombu's may be."""

    @override
    def release(self) -> None:
        raise AttributeError("'NoneType' object has no attribute 'hostname'")

    close = release


class Controller:
    """As much of a worker as its consumer asks for at first."""

    use_eventloop = False


@pytest.fixture
def app() -> Celery:
    return Celery("a house", broker="memory://")


def consumer_of(kind: type[Consumer], app: Celery) -> Consumer:
    consumer = kind(lambda _request: None, app=app, controller=Controller())
    consumer.connection = Broken("memory://")
    return consumer


@pytest.mark.filterwarnings("ignore::celery.exceptions.CPendingDeprecationWarning")
def test_a_connection_that_cannot_be_closed_ends_no_worker(app: Celery) -> None:
    with pytest.raises(AttributeError):
        consumer_of(Consumer, app).on_connection_error_after_connected(OSError("gone"))
    consumer = consumer_of(PatientConsumer, app)
    consumer.on_connection_error_after_connected(OSError("gone"))
    # What comes next is to connect again.
    assert consumer.connection is None


def test_workers_are_patient() -> None:
    app = make_app(load_settings())
    named = f"{PatientConsumer.__module__}:{PatientConsumer.__qualname__}"
    assert app.conf.worker_consumer == named
