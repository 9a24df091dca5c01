"""Lines that the site prints on every page, and that belong to none of its articles."""

import re

_WHOLE_LINES = re.compile(
    r"""^(?:
      nias\ course\ on\ global\ politics
    | national\ institute\ of\ advanced\ studies(?:\ \(nias\))?(?:,?\ (?:bangalore|bengaluru))?
    | indian\ institute\ of\ science\ campus(?:,?\ (?:bangalore|bengaluru))?(?:.{0,40})
    | for\ any\ further\ information\ or\ to\ subscribe\ to\ gp\ alerts\b.{0,120}
    | (?:to\ )?subscribe\ (?:to|for)\b.{0,80}
    | print(?:\ (?:\|\ )?bookmark)? | bookmark | share | tweet | email | facebook | twitter
    | whatsapp | linkedin | (?:print|share|bookmark)(?:\ (?:this|page|article|on\ \w+))+
    | home | about\ us | contact(?:\ us)? | login | menu | search | skip\ to\ (?:main\ )?content
    | read\ more\W* | back\ to\ top | more\ articles | related\ (?:articles|pieces|posts)
    | previous | next | comments?(?:\ \(\d+\))? | leave\ a\ (?:comment|reply)
    | (?:©|\(c\)|copyright\b).{0,160} | all\ rights\ reserved\W* | powered\ by\ .{0,60}
    | (?:click\ here\ )?to\ (?:un)?subscribe\b.{0,80}
    | [\w.+-]+@[\w-]+\.[\w.]+
    )$""",
    re.IGNORECASE | re.VERBOSE,
)
_DEBRIS = re.compile(r"!\[[^\]]{0,200}\]\([^)]{0,500}\)")
_RULE = re.compile(r"^[\s|*_=~\-–—.·•>#]+$")
_CREDIT = re.compile(
    r"^\W{0,3}(?:photo|image|picture)s?\s*(?:source|credits?|courtesy|by)?\s*[:–-]\s*(?P<credit>.+)$"
    r"|^\W{0,3}(?:source|credit)s?\s+of\s+(?:the\s+)?photo\s*:\s*(?P<other>.+)$",
    re.IGNORECASE,
)
_LONGEST_CREDIT = 200


def without_debris(line: str) -> str:
    """Return a line of a text copy without what a table leaves behind: `![]() |`, lone bars."""
    line = _DEBRIS.sub(" ", line)
    if _RULE.match(line):
        return ""
    return line.strip(" \t|")


def is_boilerplate(line: str) -> bool:
    """Tell whether a line is one of those the site prints on every page."""
    return bool(_WHOLE_LINES.match(" ".join(line.split()).strip(" |")))


def photo_credit(line: str) -> str | None:
    """Return the credit of `Photo Source: Adama Diarra, Reuters`, or None for another line."""
    match = _CREDIT.match(line)
    if match is None or len(line) > _LONGEST_CREDIT:
        return None
    return (match["credit"] or match["other"]).strip(" |,;")
