"""Limits in real time: connections that break, one event loop after another, several processes."""

import asyncio
import gc
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from alerts.delivery.limits.desk import ThrottleDown
from alerts.delivery.limits.limiter import Limiter
from alerts.delivery.limits.options import read_limits
from alerts.delivery.limits.rules import GO, Turn
from alerts.delivery.transports.base import Lane
from alerts.embedded_redis import EmbeddedRedis, server_program
from tests.conftest import REPOSITORY


@contextmanager
def tcp_server(port: int) -> Iterator[str]:
    """Run a Redis server on a port of the loopback; all it holds is gone at its end."""
    command = [server_program(), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        url = f"redis://127.0.0.1:{port}/0"
        try:
            with redis.Redis.from_url(url) as client:
                while True:
                    try:
                        client.ping()
                    except redis.RedisError:
                        time.sleep(0.02)
                    else:
                        break
            yield url
        finally:
            process.terminate()


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number: int = server.getsockname()[1]
    return number


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = EmbeddedRedis(tmp_path_factory.mktemp("redis"))
    server.open()
    yield server.url
    server.close()


async def pass_through(limiter: Limiter, newsletter: str, messages: int) -> None:
    """Send so many messages the way a transport does."""
    while messages:
        answer = await limiter.admit(Lane.DIGEST, newsletter, "example.org")
        assert answer.turn is not Turn.POSTPONED
        if answer is GO:
            messages -= 1
        else:
            await asyncio.sleep(answer.seconds)


@pytest.mark.parametrize("rate", [20, 400])
def test_many_tasks_of_two_processes_take_the_time_they_must(redis_url: str, rate: int) -> None:
    limits = read_limits({"rate": f"{rate}/s"})
    limiters = [Limiter(redis_url, limits, name=f"timed-{rate}") for _ in range(2)]

    async def timed() -> float:
        loop = asyncio.get_running_loop()
        start = loop.time()
        tasks = [pass_through(limiter, "weekly", rate // 20) for limiter in limiters * 5]
        await asyncio.gather(*tasks)
        seconds = loop.time() - start
        for limiter in limiters:
            await limiter.close()
        return seconds

    # So many messages, less the first, have an interval between them: never fewer.
    assert asyncio.run(timed()) >= 0.5 - 2 / rate


def test_a_limiter_serves_one_event_loop_after_another(redis_url: str) -> None:
    limiter = Limiter(redis_url, read_limits({"quota": "3/h"}), name="loops")

    async def twice() -> list[Turn]:
        lanes = [limiter.admit(Lane.DIGEST, "weekly", "example.org") for _ in range(2)]
        return [answer.turn for answer in await asyncio.gather(*lanes)]

    # No connection is left open behind a loop's back: an unclosed one warns when it is collected.
    assert asyncio.run(twice()) == [Turn.GO, Turn.GO]
    gc.collect()
    assert asyncio.run(twice()) == [Turn.GO, Turn.POSTPONED]
    gc.collect()
    asyncio.run(limiter.close())


def test_a_forgotten_limiter_leaves_no_connection_behind(redis_url: str) -> None:
    def connections() -> int:
        with redis.Redis.from_url(redis_url) as client:
            return int(client.info("clients")["connected_clients"])

    async def ask() -> int:
        limiter = Limiter(redis_url, read_limits({"rate": "5/s"}), name="forgotten")
        assert await limiter.admit(Lane.DIGEST, "weekly", "example.org") is GO
        del limiter
        gc.collect()
        return connections()

    before = connections()
    assert asyncio.run(ask()) == before + 1
    assert connections() == before


def test_a_server_that_was_started_anew_is_found_again(port: int) -> None:
    async def work() -> None:
        limiter = Limiter(
            f"redis://127.0.0.1:{port}/0", read_limits({"quota": "1/h"}), name="again"
        )
        with tcp_server(port):
            assert await limiter.admit(Lane.DIGEST, "weekly", "a.example") is GO
        with pytest.raises(ThrottleDown, match="Redis is away"):
            await limiter.admit(Lane.DIGEST, "other", "a.example")
        with tcp_server(port):
            assert await limiter.admit(Lane.DIGEST, "third", "a.example") is GO
            answer = await limiter.admit(Lane.DIGEST, "fourth", "a.example")
            assert answer.turn is Turn.POSTPONED
            await limiter.close()

    asyncio.run(work())


def test_who_is_no_redis_server_counts_as_away(tmp_path: Path) -> None:
    async def work() -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(b"220 mail.example.org ESMTP\r\n")
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_unix_server(answer, tmp_path / "smtp.sock")
        limiter = Limiter(
            f"unix://{tmp_path / 'smtp.sock'}", read_limits({"rate": "1/s"}), name="x"
        )
        with pytest.raises(ThrottleDown, match="Redis is away"):
            await limiter.admit(Lane.DIGEST, "weekly", "a.example")
        await limiter.close()
        server.close()

    asyncio.run(work())


_PROCESS = """
import asyncio, sys
import redis
from alerts.delivery.limits.limiter import Limiter
from alerts.delivery.limits.options import read_limits
from alerts.delivery.limits.rules import GO
from alerts.delivery.transports.base import Lane

url, newsletter, tasks = sys.argv[1], sys.argv[2], int(sys.argv[3])
counter = redis.Redis.from_url(url)
limiter = Limiter(url, read_limits({"rate": "60/s"}), name="processes")

async def send():
    sent = 0
    while int(counter.get("total") or 0) < 120:
        answer = await limiter.admit(Lane.DIGEST, newsletter, "example.org")
        if answer is GO:
            counter.incr("total")
            sent += 1
        else:
            await asyncio.sleep(answer.seconds)
    return sent

async def main():
    print("ready", flush=True)
    sys.stdin.readline()
    print(sum(await asyncio.gather(*(send() for _ in range(tasks)))), flush=True)

asyncio.run(main())
"""


@pytest.mark.processes
def test_newsletters_of_real_processes_share_evenly(port: int) -> None:
    with tcp_server(port) as url:
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", _PROCESS, url, newsletter, str(tasks)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=REPOSITORY,
            )
            for newsletter, tasks in (("small", 1), ("large", 4), ("large", 4))
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        answers = []
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        answers = [int(process.communicate()[0]) for process in processes]
    small, large = answers[0], answers[1] + answers[2]
    assert 120 <= small + large < 140
    # A ninth of the workers; about half of the messages, however busy this machine is.
    assert small >= 0.3 * (small + large)
