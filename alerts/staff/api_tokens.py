"""API tokens: made for an account, shown once, checked at each use against the owner's role."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.errors import Invalid, NotFound
from alerts.staff.addresses import clean_name, network_of
from alerts.staff.audit import Actor, Subject, record
from alerts.staff.guard import Guard
from alerts.staff.models import ActorKind, ApiToken, StaffAccount
from alerts.staff.opaque import digest, same
from alerts.staff.permissions import Permission, in_force, parse_scopes, permissions_of
from alerts.staff.queries import held
from alerts.staff.token_format import hint_of, is_token, new_token

DEFAULT_LIFE = timedelta(days=90)
LONGEST_LIFE = timedelta(days=366)
_LONGEST_NAME = 100
# That a token is in use is written down this often: a write for each request would be too many.
_TOUCHED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class TokenVisit:
    """A program with a token, and what it may do at this moment."""

    token_id: int
    account_id: int
    name: str
    permissions: frozenset[Permission]
    network: str | None

    @property
    def actor(self) -> Actor:
        """Who acts, for the audit log."""
        return Actor(ActorKind.TOKEN, self.account_id, self.token_id, self.network)


def make_token(
    session: Session,
    account: StaffAccount,
    *,
    name: str,
    scopes: Iterable[str],
    life: timedelta = DEFAULT_LIFE,
    actor: Actor,
    clock: Clock,
) -> tuple[str, ApiToken]:
    """Make a token for an account; return it as it is shown this once, and its row.

    Raises Invalid for a name, scope or life that will not do, or a scope beyond the owner's role,
    and NotFound when the account was removed meanwhile.
    """
    called = clean_name(name)
    if called is None or len(called) > _LONGEST_NAME:
        raise Invalid(f"an API token needs a name of at most {_LONGEST_NAME} characters")
    if not timedelta(0) < life <= LONGEST_LIFE:
        raise Invalid("an API token lasts a year at most; 90d would be right")
    owner = held(session, account.id)
    if owner is None:
        raise NotFound(f"there is no account {account.id} any more")
    wanted = _within_role(owner, scopes)
    token, now = new_token(), clock.now()
    row = ApiToken(
        digest=digest(token),
        account_id=owner.id,
        name=called,
        hint=hint_of(token),
        scopes=[scope.value for scope in wanted],
        created_at=now,
        expires_at=now + life,
    )
    session.add(row)
    session.flush()
    what = Subject("api_token", row.id)
    record(session, actor, "api_token.made", what, clock=clock, owner=owner.id, scopes=row.scopes)
    return token, row


def revoke_token(
    session: Session, account_id: int | None, token_id: int, *, actor: Actor, clock: Clock
) -> bool:
    """Let a token serve no longer; False when it does not already.

    With an `account_id` only a token of that account. Raises NotFound when there is none such.
    """
    row = session.get(ApiToken, token_id)
    if row is None or account_id not in {None, row.account_id}:
        raise NotFound(f"there is no API token {token_id}")
    revoked = (
        update(ApiToken)
        .where(ApiToken.id == token_id, ApiToken.revoked_at.is_(None))
        .values(revoked_at=clock.now())
    )
    if session.connection().execute(revoked).rowcount == 0:
        return False
    record(session, actor, "api_token.revoked", Subject("api_token", token_id), clock=clock)
    return True


def token_visit_of(guard: Guard, token: str, *, address: str | None = None) -> TokenVisit | None:
    """Return what a token stands for; None for one that is unknown, expired or revoked.

    What it may do is what it was given and its owner may now. The look-up is by the digest, whose
    bits nobody chooses, so the time it takes tells nothing of a token.
    """
    if not is_token(token):
        return None
    now, sought = guard.clock.now(), digest(token)
    query = (
        select(ApiToken, StaffAccount)
        .join(StaffAccount, StaffAccount.id == ApiToken.account_id)
        .where(
            ApiToken.digest == sought,
            ApiToken.expires_at > now,
            ApiToken.revoked_at.is_(None),
            StaffAccount.removed_at.is_(None),
        )
    )
    with guard.database.read() as session:
        found = session.execute(query).one_or_none()
    if found is None or not same(found[0].digest, sought):
        return None
    row, owner = found
    network = network_of(address)
    if row.last_used_at is None or now - row.last_used_at >= _TOUCHED_EVERY:
        _touch(guard, row.id, now, network)
    return TokenVisit(row.id, owner.id, row.name, in_force(row.scopes, owner.role), network)


def _within_role(owner: StaffAccount, scopes: Iterable[str]) -> tuple[Permission, ...]:
    wanted = parse_scopes(scopes)
    if not wanted:
        raise Invalid(f"an API token needs a scope at least; there are {', '.join(Permission)}")
    beyond = [scope.value for scope in wanted if scope not in permissions_of(owner.role)]
    if beyond:
        raise Invalid(
            f"{owner.shown} is {owner.role} and may not {', '.join(beyond)}, so no token of theirs"
            " may either"
        )
    return wanted


def _touch(guard: Guard, token_id: int, now: datetime, network: str | None) -> None:
    with guard.database.transaction() as session:
        session.execute(
            update(ApiToken)
            .where(ApiToken.id == token_id)
            .values(last_used_at=now, last_network=network)
        )
