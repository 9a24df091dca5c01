"""Replies put together from whatever pieces arrive; lines that come again are read once."""

import pytest

from alerts.delivery.transports.smtp.replies import BadReply, Reply, ReplyReader

OK = Reply(250, "2.1.0 Ok")


def test_the_same_line_is_a_reply_each_time_it_comes() -> None:
    reader = ReplyReader()
    for _ in range(3):
        assert list(reader.feed(b"250 2.1.0 Ok\r\n250 2.1.0 Ok\r\n")) == [OK, OK]


@pytest.mark.parametrize("cut", range(1, 30))
def test_pieces_may_be_cut_anywhere(cut: int) -> None:
    said, reader = b"250 2.1.0 Ok\r\n354 go on\r\n250 \r\n", ReplyReader()
    heard = [*reader.feed(said[:cut]), *reader.feed(said[cut:])]
    assert heard == [OK, Reply(354, "go on"), Reply(250, "")]


def test_a_line_that_was_a_whole_reply_may_end_a_longer_one() -> None:
    reader = ReplyReader()
    assert list(reader.feed(b"250 2.1.0 Ok\r\n")) == [OK]
    assert list(reader.feed(b"250-first\r\n250 2.1.0 Ok\r\n")) == [Reply(250, "first 2.1.0 Ok")]
    assert list(reader.feed(b"250 2.1.0 Ok\r\n")) == [OK]


def test_a_long_line_is_heard_like_a_short_one() -> None:
    reply = Reply(550, "no " * 100 + "more")
    said = f"550 {reply.text}\r\n".encode()
    assert list(ReplyReader().feed(said * 2)) == [reply, reply]


@pytest.mark.parametrize(
    "said", [b"hello\r\n", b"199 no\r\n", b"2500 no\r\n", b"250-a\r\n251 b\r\n"]
)
def test_nonsense_is_none_however_often_it_comes(said: bytes) -> None:
    for _ in range(2):
        with pytest.raises(BadReply):
            list(ReplyReader().feed(said))
