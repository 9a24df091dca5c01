"""What many links of one site have in common, told once: a site that is away is one thing."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from alerts.rendering.lint.findings import Finding

# Two are looked at one by one, each with where it is mended.
_FEWEST = 3


@dataclass(frozen=True, slots=True)
class _Said:
    what: str
    fix: str


_OF_SITES = {
    "link-dead": _Said("are dead", "correct the addresses, or take the links out"),
    "link-failing": _Said(
        "did not answer", "open one of them yourself, and check them again a little later"
    ),
    "link-unclear": _Said(
        "could not be checked", "open one of them yourself: some sites answer people alone"
    ),
    "link-moved": _Said("lead on to other addresses", "use the new addresses in the articles"),
    "link-not-https": _Said("are not https", "use the https addresses if the site has them"),
}


def gathered(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings with those of many links of one site as one, where the first of them stood.

    It is about the site; what was found of each link is `within` it, and part of its content: one
    link more is another finding.
    """
    groups: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for one in findings:
        groups[_group(one)].append(one)
    told, given = set[tuple[str, str]](), list[Finding]()
    for one in findings:
        key = _group(one)
        if not key[1] or len(groups[key]) < _FEWEST:
            given.append(one)
        elif key not in told:
            told.add(key)
            given.append(_as_one(groups[key], key[1]))
    return given


def _group(finding: Finding) -> tuple[str, str]:
    """Return the rule and the site by which findings are gathered; no site where they are not."""
    return finding.rule, _host(finding.about) if finding.rule in _OF_SITES else ""


def _as_one(findings: Sequence[Finding], host: str) -> Finding:
    first = findings[0]
    said = _OF_SITES[first.rule]
    return Finding(
        first.level,
        first.rule,
        f"{len(findings)} links to {host} {said.what}",
        said.fix,
        about=host,
        content="\n".join(sorted(f"{one.about} {one.content}" for one in findings)),
        within=tuple(findings),
    )


def _host(address: str) -> str:
    try:
        return urlsplit(address).netloc.lower()
    except ValueError:
        return ""
