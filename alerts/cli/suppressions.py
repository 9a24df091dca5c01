"""`alerts suppression …`: what is not mailed, why, and lifting it with a reason on record."""

from typing import Annotated

import typer

from alerts.cli.common import JsonOption, print_json, print_table, program, say
from alerts.clock import rfc3339
from alerts.subscribers import exclusion
from alerts.subscribers.addresses import parse_address
from alerts.subscribers.suppression import suppressed

app = typer.Typer(no_args_is_help=True, help="What is not mailed: addresses and domains.")

WAY = "command line"
Email = Annotated[str, typer.Argument(metavar="EMAIL", help="An address, however it is written.")]
Domain = Annotated[str, typer.Argument(metavar="DOMAIN", help="A domain; those below it count.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept on record.")]


@app.command()
def show(email: Email, json: JsonOption = False) -> None:
    """Say whether an address is mailed, and what is on record about it."""
    with program() as runtime, runtime.database.read() as session:
        keys = runtime.settings.secret_key
        address = parse_address(email)
        reason = suppressed(session, [address.key], keys=keys).get(address.key)
        changes = exclusion.changes_of(session, email, keys=keys)
    if json:
        print_json(
            {
                "email": address.display,
                "reason": reason,
                "changes": [
                    {"at": rfc3339(c.at), "action": c.action, "reason": c.reason, "way": c.way}
                    for c in changes
                ],
            }
        )
        return
    say(f"{address.display} is {f'not mailed: {reason}' if reason else 'mailed'}")
    if changes:
        print_table(
            ("when", "what", "why", "by way of"),
            [(rfc3339(c.at), c.action, c.reason, c.way) for c in changes],
        )


@app.command()
def lift(email: Email, reason: Reason) -> None:
    """Let an address be mailed again; confirmed readers go on, others have to confirm."""
    with program() as runtime, runtime.database.transaction() as session:
        was = exclusion.lift(
            session,
            email,
            reason=reason,
            keys=runtime.settings.secret_key,
            way=WAY,
            clock=runtime.clock,
        )
    say(f"{email} is mailed again; it was not because: {was}")


@app.command()
def block(domain: Domain, reason: Reason) -> None:
    """Mail nobody at a domain."""
    with program() as runtime, runtime.database.transaction() as session:
        stopped = exclusion.block_domain(
            session, domain, reason=reason, way=WAY, clock=runtime.clock
        )
    say(f"{domain} is blocked; subscribers stopped: {stopped}")


@app.command()
def unblock(domain: Domain, reason: Reason) -> None:
    """Lift the block of a domain."""
    with program() as runtime, runtime.database.transaction() as session:
        going_on = exclusion.unblock_domain(
            session,
            domain,
            reason=reason,
            keys=runtime.settings.secret_key,
            way=WAY,
            clock=runtime.clock,
        )
    say(f"{domain} is mailed again; subscribers who go on: {going_on}")


@app.command()
def domains(json: JsonOption = False) -> None:
    """List the blocked domains."""
    with program() as runtime, runtime.database.read() as session:
        found = exclusion.blocked_domains(session)
    if json:
        print_json([{"domain": d.domain, "reason": d.reason, "at": rfc3339(d.at)} for d in found])
        return
    print_table(("domain", "why", "since"), [(d.domain, d.reason, rfc3339(d.at)) for d in found])
