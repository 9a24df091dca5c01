"""Which domains belong together, and which are nobody's to send from. Pure."""

from alerts.mailbox_providers import provider_of

# What stands for a registry's second level below a country's domain: co.uk, org.in, gouv.fr, …
# The Public Suffix List knows 10,000 more; what is not here counts as somebody's own name.
_SECOND_LEVELS = frozenset(
    {
        *("ac", "co", "com", "edu", "firm", "gen", "go", "gob", "gouv", "gov", "govt", "gv"),
        *("ind", "ltd", "mil", "ne", "net", "ngo", "nhs", "nic", "nom", "or", "org", "plc"),
        *("police", "res", "sch"),
    }
)
_COUNTRY = 2
# RFC 2606 and RFC 6761: never in the world's DNS.
_RESERVED = frozenset({"localhost", "local", "test", "example", "invalid", "internal", "lan"})
_FREE_MAIL = frozenset(
    {"gmail.com", "outlook.com", "yahoo.com", "icloud.com", "gmx.net", "proton.me"}
)


def organisational_domain(domain: str) -> str:
    """Return the domain that an organisation registered (RFC 7489 section 3.2), by a small rule.

    Two labels, or three where the last is a country's and the one before it a registry's. It may
    be wrong below rarer registries; then two domains of different people look like one's own.
    """
    labels = domain.lower().rstrip(".").split(".")
    below_registry = (
        len(labels) > _COUNTRY and len(labels[-1]) == _COUNTRY and labels[-2] in _SECOND_LEVELS
    )
    return ".".join(labels[-3:] if below_registry else labels[-2:])


def is_aligned(domain: str, from_domain: str, *, strict: bool) -> bool:
    """Tell whether a domain is aligned with that of From (RFC 7489 section 3.1)."""
    domain, from_domain = domain.lower(), from_domain.lower()
    if strict:
        return domain == from_domain
    return organisational_domain(domain) == organisational_domain(from_domain)


def is_public(domain: str) -> bool:
    """Tell whether a domain can be in the world's DNS."""
    return "." in domain and domain.rpartition(".")[2].lower() not in _RESERVED


def is_free_mail(domain: str) -> bool:
    """Tell whether a domain's mail may come from its mailbox provider alone."""
    return provider_of(domain) in _FREE_MAIL
