"""Which passwords do, and how they are kept."""

import threading
import unicodedata
from contextlib import ExitStack
from typing import Literal

import pytest
from argon2 import PasswordHasher
from typing_extensions import override

from alerts.errors import Invalid
from alerts.staff.passwords import Busy, Passwords, check_password

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
EMAIL = "ama.mensah.accra@example.org"
GOOD = "seven herons wade"


@pytest.mark.parametrize(
    "password",
    [
        GOOD,
        "aaaaaaaaaaab",
        "!&%$/(=?+#*-;",
        "ωραία μέρα σήμερα",
        "x9" * 499 + "q7",
        "2718281828459",
        "hello, is it me you are looking for",
    ],
)
def test_long_enough_and_not_the_first_that_is_tried_will_do(password: str) -> None:
    check_password(password, email=EMAIL)


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("elevenchars", "at least 12"),
        # Twelve characters as typed, six as they are kept.
        ("e\u0301" * 6, "at least 12"),
        ("x9" * 501, "at most 1000"),
        ("AMA.Mensah.Accra@example.org", "email address"),
        ("ama.mensah.accra", "email address"),
        ("passwordpassword", "first that are tried"),
        ("Password-2026!!", "first that are tried"),
        ("QwertyUiop123", "first that are tried"),
        ("iloveyou iloveyou", "first that are tried"),
        ("aaaaaaaaaaaaaaaa", "first that are tried"),
        ("            x", "first that are tried"),
        (" " * 12, "first that are tried"),
        ("............", "first that are tried"),
        ("123456789012345", "first that are tried"),
        ("0987654321098", "first that are tried"),
        ("abcdefghijklm", "first that are tried"),
        ("121212121212", "first that are tried"),
        ("correct horse battery staple", "first that are tried"),
    ],
)
def test_others_are_refused_with_the_reason(password: str, reason: str) -> None:
    with pytest.raises(Invalid, match=reason) as refused:
        check_password(password, email=EMAIL)
    assert password not in str(refused.value)


def test_a_hash_fits_its_password_alone() -> None:
    passwords = Passwords(CHEAP)
    kept = passwords.hash(GOOD)
    assert kept.startswith("$argon2id$")
    assert kept != passwords.hash(GOOD)
    assert passwords.verify(kept, GOOD)
    for other in ("", GOOD.upper(), f"{GOOD} ", "\ud800", GOOD * 500):
        assert not passwords.verify(kept, other)
    assert not passwords.verify("no hash", GOOD)
    assert not passwords.verify(None, "nobody has this password")


def test_letters_are_the_same_however_a_keyboard_composes_them() -> None:
    passwords, password = Passwords(CHEAP), "sieben Störche ﬁschen"
    kept = passwords.hash(unicodedata.normalize("NFD", password))
    assert passwords.verify(kept, unicodedata.normalize("NFC", password))


def test_the_strength_is_what_is_recommended_and_old_hashes_are_known() -> None:
    kept = Passwords().hash(GOOD)
    # RFC 9106 section 4, the second recommended option.
    assert "$m=65536,t=3,p=4$" in kept
    assert Passwords(CHEAP).is_outdated(kept)
    assert not Passwords().is_outdated(kept)


class Counting(PasswordHasher):
    """A hasher that knows how many are at work with it."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.now = self.most = self.verified = 0
        self.guard = threading.Lock()

    @override
    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        with self.guard:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            return super().verify(hash, password)
        finally:
            with self.guard:
                self.now -= 1
                self.verified += 1


def test_unknown_accounts_take_the_same_work_and_few_are_worked_on_at_a_time() -> None:
    hasher = Counting()
    passwords = Passwords(hasher)
    threads = [
        threading.Thread(target=passwords.verify, args=(None, f"{GOOD} {n}")) for n in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    passwords.verify(None, "x" * 5000)
    assert hasher.verified == 17
    assert hasher.most <= 2


def test_log_ins_leave_threads_to_others() -> None:
    passwords = Passwords(CHEAP)
    with ExitStack() as places:
        for _ in range(10):
            places.enter_context(passwords.place())
        with pytest.raises(Busy, match="in a few seconds"), passwords.place():
            pass
    with passwords.place():
        assert passwords.verify(passwords.hash(GOOD), GOOD)
