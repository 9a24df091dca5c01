"""The embedded Redis server: started once, shared, gone with its last user."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import redis

from alerts.embedded_redis import EmbeddedRedis

USER = """
import sys
from pathlib import Path
from alerts.embedded_redis import EmbeddedRedis
server = EmbeddedRedis(Path(sys.argv[1]))
server.open()
print("open", flush=True)
sys.stdin.read()
"""


def server_pid(server: EmbeddedRedis) -> int:
    client = redis.Redis.from_url(server.url)
    try:
        return int(client.info("server")["process_id"])
    finally:
        client.close()


def server_answers(server: EmbeddedRedis) -> bool:
    client = redis.Redis.from_url(server.url)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def is_gone(pid: int, *, within: float = 60.0) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


def test_two_users_share_one_server_and_the_last_one_stops_it(tmp_path: Path) -> None:
    first, second = EmbeddedRedis(tmp_path), EmbeddedRedis(tmp_path)
    first.open()
    second.open()
    pid = server_pid(first)
    assert server_pid(second) == pid
    first.close()
    assert server_pid(second) == pid
    second.close()
    assert is_gone(pid)


def test_a_user_that_is_killed_leaves_no_server_behind(tmp_path: Path) -> None:
    user = subprocess.Popen(
        [sys.executable, "-P", "-c", USER, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert user.stdout is not None
    assert user.stdout.readline() == b"open\n"
    pid = server_pid(EmbeddedRedis(tmp_path))
    user.send_signal(signal.SIGKILL)
    user.wait()
    user.stdout.close()
    assert user.stdin is not None
    user.stdin.close()
    assert is_gone(pid)


def test_what_was_queued_survives_a_kill_of_the_server(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path)
    server.open()
    client = redis.Redis.from_url(server.url)
    for number in range(100):
        client.rpush("work", number)
    # What stands in the file outlives the process.
    while client.info("persistence")["aof_buffer_length"]:
        time.sleep(0.05)
    pid = server_pid(server)
    os.kill(pid, signal.SIGKILL)
    assert is_gone(pid)
    client.close()

    again = EmbeddedRedis(tmp_path)
    again.open()
    client = redis.Redis.from_url(again.url)
    assert client.llen("work") == 100
    client.close()
    again.close()
    server.close()


def test_a_long_data_folder_still_gets_a_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 30)
    server = EmbeddedRedis(deep)
    server.open()
    assert len(os.fsencode(server.socket)) < 100
    assert server_pid(server) > 0
    server.close()


def test_nothing_is_left_of_a_socket_in_a_short_place(tmp_path: Path) -> None:
    folder = tmp_path / ("a-long-name" * 12)
    server = EmbeddedRedis(folder)
    place = server.socket.parent
    assert place.parent == Path(tempfile.gettempdir())
    for kill in (False, True):
        server.open()
        pid = server_pid(server)
        assert server.socket.exists()
        if kill:
            # The server that the keeper starts in its place leaves nothing either.
            os.kill(pid, signal.SIGKILL)
            deadline = time.monotonic() + 60
            while not server_answers(server) and time.monotonic() < deadline:
                time.sleep(0.05)
        server.close()
        deadline = time.monotonic() + 60
        while place.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not place.exists()


def test_users_who_come_while_the_last_one_goes_find_a_server(tmp_path: Path) -> None:
    folder = tmp_path / ("a-long-name" * 12)
    for _ in range(5):
        server = EmbeddedRedis(folder)
        server.open()
        assert server_answers(server)
        server.close()


def test_a_server_that_begins_its_file_just_then_ends_all_the_same(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path)
    server.open()
    pid = server_pid(server)
    client = redis.Redis.from_url(server.url)
    client.config_set("appendonly", "no")
    # While the file is written for the first time the server refuses to be stopped.
    client.config_set("rdb-key-save-delay", 2_000_000)
    client.set("one", "1")
    client.config_set("appendonly", "yes")
    client.close()
    server.close()
    assert is_gone(pid)
    refused = (tmp_path / "redis" / "redis.log").read_text()
    assert "can't exit" in refused


def test_a_server_that_hangs_is_killed(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path)
    server.open()
    pid = server_pid(server)
    os.kill(pid, signal.SIGSTOP)
    server.close()
    assert is_gone(pid)
