"""All parts in one process tree, for one machine: `alerts up`.

Each part is a process of its own, so that one that crashes takes no other with it; it is started
again, with growing pauses. SIGTERM and Ctrl-C stop them in the order in which work flows: the beat
first, then the worker, which finishes the group it is sending, then the web part. Where this
process is killed, Linux tells each part SIGTERM: nobody would start it again, and a second
`alerts up` would find its port taken.
"""

import argparse
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

import structlog
from sqlalchemy.exc import OperationalError

from alerts.children import end_with_parent
from alerts.clock import SystemClock
from alerts.config import Settings, load_settings
from alerts.delivery.dkim import DkimSigner
from alerts.delivery.transports.factory import check_mail_urls
from alerts.embedded_redis import EmbeddedRedis
from alerts.errors import AlertsError
from alerts.logs import configure_logs, of_database
from alerts.runtime import open_runtime

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 0.5
_STOP_SECONDS = 90.0
_LONGEST_PAUSE = 30.0
# A part that ran this long and then died starts again without a pause.
_STEADY_SECONDS = 60.0


@dataclass
class Part:
    """One process of the tree."""

    name: str
    command: list[str]
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    pause: float = 0.0
    resume_at: float = field(default=0.0)

    def start(self) -> None:
        """Start the process in a session of its own: Ctrl-C reaches the supervisor alone."""
        self.process = subprocess.Popen(  # noqa: S603 - our own
            self.command,
            start_new_session=True,
            preexec_fn=end_with_parent(),  # noqa: PLW1509 - see there
        )
        self.started = time.monotonic()
        log.info("part_started", part=self.name, pid=self.process.pid)

    def look_after(self) -> None:
        """Start the process again when it has died, not faster than its pause allows."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.resume_at:
                self.start()
            return
        status = self.process.poll()
        if status is None:
            return
        steady = now - self.started > _STEADY_SECONDS
        self.pause = 1.0 if steady else min(_LONGEST_PAUSE, max(1.0, self.pause * 2))
        self.resume_at = now + self.pause
        self.process = None
        log.error("part_died", part=self.name, status=status, again_in=self.pause)

    def stop(self) -> None:
        """End the process, in peace while it takes less than a minute and a half."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            log.warning("part_killed", part=self.name)
            self.process.kill()
            self.process.wait()


def parts_for(settings: Settings, *, host: str, port: int) -> list[Part]:
    """Return the parts in the order they are started; they are stopped in the reverse order."""
    program = [sys.executable, "-P", "-m", "alerts.cli"]
    parts = [
        Part("web", [*program, "web", "--host", host, "--port", str(port)]),
        # Who waits for a page goes first; where nobody does, sending is as fast as ever.
        Part("worker", [*program, "worker", "--nice", "5"]),
        Part("beat", [*program, "beat"]),
    ]
    if settings.uses_catcher and settings.catcher_port:
        catcher_port = str(settings.catcher_port)
        parts.insert(0, Part("catcher", [*program, "catcher", "--port", catcher_port]))
    if settings.inbound_port or settings.inbound_lmtp_port:
        parts.append(Part("inbound", [*program, "inbound", "serve"]))
    return parts


def run(settings: Settings, *, host: str, port: int) -> None:
    """Run all parts until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    # A wrong key or mail URL ends all here, at once; the worker would be started with it again and
    # again.
    DkimSigner.from_settings(settings, clock=SystemClock())
    check_mail_urls(settings)
    with open_runtime(settings):
        log.info("schema_ready")
    redis = EmbeddedRedis(settings.data_dir) if settings.uses_embedded_redis else None
    if redis:
        redis.open()
    parts = parts_for(settings, host=host, port=port)
    sys.stderr.write(f"GP Alerts is starting on http://{host}:{port}/ (Ctrl-C stops it)\n")
    try:
        while not stop.wait(_LOOK_SECONDS):
            for part in parts:
                part.look_after()
    finally:
        for part in reversed(parts):
            part.stop()
        if redis:
            redis.close()


def main() -> int:
    """Read the command line and run; the status is 1 for an error in one line."""
    parser = argparse.ArgumentParser(prog="alerts up")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()
    configure_logs()
    try:
        run(load_settings(), host=arguments.host, port=arguments.port)
    except AlertsError as error:
        sys.stderr.write(f"alerts: {error}\n")
        return 1
    except OperationalError as error:
        sys.stderr.write(f"alerts: {of_database(error)}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
