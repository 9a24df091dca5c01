"""Issues as newsrooms make them, and as they hope never to: what the templates are tried on."""

from dataclasses import replace
from pathlib import Path

from alerts.newsletters.content import (
    IssueContent,
    ItemContent,
    PhotoContent,
    SectionContent,
    TextContent,
)

FOLDER = Path(__file__).resolve().parent
SITE = "https://globalpolitics.example.org"
ARCHIVE_URL = "https://alerts.example.org/archive/africa-this-week/86"
HOME_URL = "https://alerts.example.org"
ADDRESS = "Indian Institute of Science Campus, Bengaluru 560012, India"


def photo(name: str, alt: str, credit: str | None) -> PhotoContent:
    """Return a photo whose drawing stands in this folder."""
    return PhotoContent(url=f"{SITE}/photos/{name}.svg", alt=alt, credit=credit)


def piece(key: str, title: str, paragraphs: list[str], **changes: object) -> ItemContent:
    """Return a piece; lines that begin with `# ` are headings, with `* ` items, `> ` quotations."""
    base = ItemContent(
        key=key,
        title=title,
        url=f"{SITE}/view_cir_articles.php?url=CWA%20Commentary&recordNo={key}",
        authors=(),
        team=None,
        label="CWA Commentary # 1251",
        date="20 November 2026",
        standfirst=next(text for text in paragraphs if text[:2] not in {"# ", "* ", "> "}),
        body_html="\n".join(_markup(text) for text in paragraphs),
        body_text="\n\n".join(text.lstrip("#*> ") for text in paragraphs),
        place="",
        regions=("africa",),
    )
    return replace(base, **changes)  # type: ignore[arg-type]  # fields by name


def paragraphs(text: str) -> list[str]:
    """Return what blank lines separate, the lines of each joined but for those of a list."""
    parts = (part for part in text.split("\n\n") if part.strip())
    return [part if part.startswith("* ") else " ".join(part.split()) for part in parts]


def _markup(text: str) -> str:
    if text.startswith("# "):
        return f"<h2>{text[2:]}</h2>"
    if text.startswith("> "):
        return f"<blockquote>{text[2:]}</blockquote>"
    if text.startswith("* "):
        return "<ul>" + "".join(f"<li>{item}</li>" for item in text[2:].split("\n* ")) + "</ul>"
    return f"<p>{text}</p>"


ESSAY = piece(
    "1251",
    "After the blue helmets: who keeps the peace in the Sahel now?",
    paragraphs((FOLDER / "essay.txt").read_text(encoding="utf-8")),
    authors=("Nithyashree RB", "Anu Maria Joseph"),
    author_notes=(
        "Nithyashree RB is a Postgraduate Scholar of International Relations in Chennai.",
        "Anu Maria Joseph is a Project Associate at the National Institute of Advanced Studies.",
    ),
    standfirst="The mission left, the juntas stayed, and the coastal states are doing their sums."
    " A modest peace may already exist, on Thursdays.",
    place="Mali",
    regions=("west-africa", "africa"),
    photo=photo(
        "gao",
        "A convoy of white lorries on a desert road at dusk, a town's minarets behind it",
        "Adama Diarra, Reuters",
    ),
)


def briefs() -> tuple[ItemContent, ...]:
    """Return nine briefs from six countries."""
    text = (FOLDER / "briefs.txt").read_text(encoding="utf-8")
    return tuple(_brief(number, part) for number, part in enumerate(text.split("## ")[1:], 1))


def _brief(number: int, text: str) -> ItemContent:
    first, title, body = text.split("\n", 2)
    place, region, author = first.split(" | ")
    return piece(
        f"1252.{number}",
        title.removeprefix("# "),
        paragraphs(body),
        authors=(author,),
        author_notes=(
            f"{author} is a Research Associate at the National Institute of Advanced Studies.",
        ),
        label="Africa Weekly # 131",
        date="21 November 2026",
        place=place,
        regions=(region.lower().replace(" ", "-"), "africa"),
        url=f"{SITE}/africa/africa-weekly.php?url=Africa%20Weekly&recordNo=131&part={number}",
    )


def africa_this_week() -> IssueContent:
    """Return a usual issue: an essay of 900 words and nine briefs from six countries."""
    return IssueContent(
        newsletter="africa-this-week",
        newsletter_title="Africa This Week",
        tagline="The week's politics from across the continent, read closely",
        publisher="Global Politics, National Institute of Advanced Studies",
        publisher_address=ADDRESS,
        template="africa-this-week",
        subject="Who keeps the peace in the Sahel now? And nine briefs from six countries",
        preheader="Three winters after the blue helmets left Gao, three bargains hold. Just.",
        number="86",
        volume="2",
        volume_number="40",
        date="23 November 2026",
        editors_note="",
        sections=(
            SectionContent("in-focus", "In focus", "essay", (ESSAY,)),
            SectionContent("briefs", "The week in brief", "briefs", briefs()),
        ),
        shows_contributors=True,
        shows_sources=True,
    )


def gp_alert() -> IssueContent:
    """Return a usual alert: four new articles, three of them with a photo."""
    cards = (
        ESSAY,
        piece(
            "1250",
            "Taiwan's quiet winter, and what the coastguards are counting",
            [("No ship was rammed this month, and no one drew a red line. The numbers that the two"
             " coastguards publish every Friday tell a busier story.")],
            authors=("Avishka Ashok",),
            label="CWA Commentary # 1250",
            date="19 November 2026",
            regions=("east-asia", "asia"),
            photo=photo("strait", "Two patrol ships under a low grey sky", "Ann Wang, Reuters"),
        ),
        piece(
            "1249",
            "Europe's second gas winter is a question of storage, not of supply",
            [("Tanks are fuller than a year ago and prices are lower. Three governments plan to act"
             " as though neither were true.")],
            authors=("Padmashree Anandhan", "Rishika Yadav"),
            label="The World This Week # 298",
            date="18 November 2026",
            regions=("western-europe", "europe"),
        ),
        piece(
            "1248",
            "Bogotá bets on the river again",
            [("A treaty from 1968, a drought and a fleet of barges: Colombia wants the Magdalena to"
             " carry what its roads no longer can.")],
            team="GP Team",
            label="GP Short Notes # 812",
            date="17 November 2026",
            regions=("south-america", "americas"),
            photo=photo("river", "A barge on a wide brown river between green hills", "GP Archive"),
        ),
    )  # fmt: skip
    return replace(
        africa_this_week(),
        newsletter="gp-alert",
        newsletter_title="GP Alert",
        tagline="New on globalpolitics.example.org",
        template="gp-alert",
        subject="After the blue helmets: who keeps the peace in the Sahel now?",
        preheader="Also: Taiwan's quiet winter, Europe's gas, and a bet on the Magdalena",
        number="412",
        volume="",
        volume_number="",
        sections=(SectionContent("new", "", "cards", cards),),
        shows_contributors=False,
        shows_sources=False,
    )


def _with_every_item(content: IssueContent, **changes: object) -> IssueContent:
    """Return the issue with the same change made to each of its pieces."""
    sections = tuple(
        replace(
            section,
            items=tuple(replace(item, **changes) for item in section.items),  # type: ignore[arg-type]  # fields by name
        )
        for section in content.sections
    )
    return replace(content, sections=sections)


def _long_issue(count: int) -> IssueContent:
    items = tuple(
        replace(
            ESSAY,
            key=f"9000.{number}",
            title=f"{number}. {ESSAY.title}",
            url=f"{SITE}/view_cir_articles.php?recordNo=9000&part={number}",
            place=f"Country {number % 25}",
            label=f"CWA Commentary # {9000 + number}",
        )
        for number in range(count)
    )
    return replace(
        africa_this_week(),
        sections=(
            SectionContent("in-focus", "In focus", "essay", items[:3]),
            SectionContent("briefs", "The week in brief", "briefs", items[3:]),
        ),
    )


def _long_alert(count: int) -> IssueContent:
    alert = gp_alert()
    cards = alert.sections[0].items
    items = tuple(
        replace(
            cards[number % len(cards)],
            key=f"9100.{number}",
            title=f"{number + 1}. {cards[number % len(cards)].title}",
        )
        for number in range(count)
    )
    return replace(alert, sections=(SectionContent("new", "", "cards", items),))


LONG_NAME = (
    "Professor Emeritus Wickramasinghe Arachchilage Don Sirimanne Bandaranaike Kumaratunga"
    " Senanayake Jayewardene de Silva Wijeyeratne Premadasa-Rajapaksa, of the Upper Valley"
)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWX"
HOSTILE_TITLE = "<script>alert(1)</script> {{ 7 * 7 }} {% raw %} &amp; @@EMAIL@@ \"'>"

# What a newsroom can be unlucky enough to publish, in both newsletters' shapes.
HARD: dict[str, IssueContent] = {}
for _base in (africa_this_week(), gp_alert()):
    _name = _base.template
    HARD |= {
        f"{_name}: no photo": _with_every_item(_base, photo=None),
        f"{_name}: no address": _with_every_item(_base, url=None),
        f"{_name}: no authors": _with_every_item(_base, authors=(), author_notes=(), team=None),
        f"{_name}: nothing but a title": _with_every_item(
            _base,
            url=None,
            authors=(),
            author_notes=(),
            label="",
            date="",
            standfirst="",
            body_html="",
            body_text="",
            place="",
            regions=(),
            photo=None,
        ),
        f"{_name}: HTML and Jinja": replace(
            _with_every_item(
                _base,
                title=HOSTILE_TITLE,
                standfirst=HOSTILE_TITLE,
                authors=(HOSTILE_TITLE,),
                author_notes=(HOSTILE_TITLE,),
                label=HOSTILE_TITLE,
                place=HOSTILE_TITLE,
                url='https://example.org/"><script>',
                photo=PhotoContent("javascript:alert(1)", HOSTILE_TITLE, HOSTILE_TITLE),
                body_html='<p onclick="x()">Text <script>alert(1)</script>'
                '<a href="javascript:alert(1)">link</a> <img src="https://evil.example/pixel">'
                '<a href="https://evil.example/?who=@@EMAIL@@">away</a> &#64;@EMAIL@@</p>',
            ),
            subject=HOSTILE_TITLE + "\r\nBcc: all@example.org",
            editors_note=HOSTILE_TITLE,
        ),
        f"{_name}: long titles": replace(
            _with_every_item(_base, title="Interdependence and its discontents: " * 5 + "an end."),
            subject="Interdependence and its discontents " * 6,
        ),
        f"{_name}: words without spaces": replace(
            _with_every_item(
                _base,
                title="Donaudampfschifffahrtsgesellschaft" * 6,
                authors=("Wolfeschlegelsteinhausenbergerdorff" * 4,),
                author_notes=(),
                standfirst="https://example.org/" + "path/" * 40,
                label="Label" * 30,
                place="Llanfairpwllgwyngyll" * 5,
                body_html="<p>" + "word" * 120 + "</p><h2>" + "heading" * 30 + "</h2>",
            ),
            newsletter_title="Interdependenceandits" * 4,
            tagline="tag" * 60,
            publisher_address="address" * 40,
        ),
        f"{_name}: right to left": replace(
            _with_every_item(
                _base,
                title="السودان: شتاء ثان تحت الحصار في الفاشر",
                standfirst="قالت منظمات الإغاثة إن آخر مستشفى في المدينة أغلق أبوابه.",
                authors=("محمد عبد الله",),
                author_notes=("باحث في الشؤون الأفريقية.",),
                place="السودان",
                body_html="<p>قالت منظمات الإغاثة إن آخر مستشفى أغلق.</p><ul><li>أولا</li></ul>",
            ),
            editors_note="عدد خاص",
        ),
        f"{_name}: CJK": _with_every_item(
            _base,
            title="台湾海峡的平静冬天 海警在数什么 这是一个关于数字、船只与沉默的故事",
            standfirst="本月没有船只相撞、也没有人划出红线。" * 6,
            authors=("王小明", "李大華"),
            author_notes=(),
            place="台湾",
            body_html="<p>" + "本月没有船只相撞、也没有人划出红线。" * 20 + "</p>",
        ),
        f"{_name}: emoji": _with_every_item(
            _base,
            title="🌍 Africa in ten pictures 📸 👩🏽‍🚀 🇿🇦",
            place="🇿🇦 South Africa",
        ),
        f"{_name}: a very long name": _with_every_item(
            _base, authors=(LONG_NAME,), author_notes=(f"{LONG_NAME} teaches in Colombo.",)
        ),
        f"{_name}: two dozen authors": _with_every_item(
            _base, authors=tuple(f"Author {letter}. Surname" for letter in LETTERS), author_notes=()
        ),
        f"{_name}: one piece": _base.only(_base.item_keys[:1]),
    }
HARD["africa-this-week: sixty essays"] = _long_issue(60)
HARD["gp-alert: sixty pieces"] = _long_alert(60)

CONFIRMATION: dict[str, object] = {
    "email": "reader@example.org",
    "titles": ["GP Alert", "Africa This Week"],
    "confirm_url": "https://alerts.example.org/confirm/" + "x" * 120,
    "days": 7,
    "publisher": "Global Politics",
    "publisher_address": ADDRESS,
    "home_url": HOME_URL,
}

ALL: dict[str, IssueContent] = {
    "africa-this-week": africa_this_week(),
    "gp-alert": gp_alert(),
    **HARD,
}

# What editors write between the pieces: everything that their Markdown may become.
_OWN = (
    "<h2>Also this week</h2><p>See <strong>our map</strong> of"
    ' <a href="https://maps.example.org/grid">the grid</a>.</p>'
    '<ul><li>one <a href="https://x.example.org/one">link</a></li><li><em>two</em></li></ul>'
    "<ol><li>first</li></ol><blockquote><p>Quoted.</p></blockquote><h3>And</h3><p>last.</p>"
)
ALL |= {
    f"{_base.newsletter}: own texts": replace(
        _base,
        sections=tuple(
            replace(one, texts=tuple(TextContent(_OWN, at) for at in (0, 1, len(one.items))))
            for one in _base.sections
        ),
    )
    for _base in (africa_this_week(), gp_alert())
}
