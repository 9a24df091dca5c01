"""What follows readers about: parameters of links, pictures nobody is meant to see. Pure."""

import re
from urllib.parse import unquote, urlsplit

_PARAMETERS = re.compile(
    r"""^(?:
      (?:utm|pk|mtm|matomo|piwik|hsa|ns|at|ga|vero|oly|fb_action|mkt)_\w{1,40}
    | _hsenc | _hsmi | __hs\w{1,20} | hsCtaTracking | _openstat | _ga | _gl | _ke | _kx
    | fbclid | gclid | gclsrc | dclid | rb_clickid | irclickid | epik
    | msclkid | yclid | twclid | ttclid | gbraid | wbraid | li_fat_id | igshid | igsh
    | mc_[cet]id | ml_subscriber(?:_hash)? | s_cid | wickedid | xtor | wt_?[zm]c\w{0,20}
    | ref_(?:src|url) | trk | trkCampaign | ncid | cmpid | sfmc_\w{1,40} | elqTrack\w{0,20}
    | elq(?:aid|at|campaignid)? | bsft_\w{1,40} | ceid | emci | emdi | mbid | sref | smid
    )$""",
    re.IGNORECASE | re.VERBOSE,
)
_PIXEL_HOSTS = re.compile(
    r"""(?:^|\.)(?:
      google-analytics\.com | googletagmanager\.com | doubleclick\.net | scorecardresearch\.com
    | quantserve\.com | chartbeat\.(?:com|net) | facebook\.(?:com|net) | pixel\.wp\.com
    | stats\.wp\.com | bat\.bing\.com | px\.ads\.linkedin\.com | analytics\.twitter\.com | t\.co
    | ioam\.de | ivwbox\.de | xiti\.com | hotjar\.com | mc\.yandex\.ru | counter\.yadro\.ru
    | statcounter\.com | histats\.com | list-manage\.com | mailtrack\.io | getclicky\.com
    | matomo\.cloud | adnxs\.com | criteo\.(?:com|net) | taboola\.com | outbrain\.com
    | vgwort\.de | feedburner\.com | feedsportal\.com | krxd\.net | demdex\.net | omtrdc\.net
    )$""",
    re.IGNORECASE | re.VERBOSE,
)
_PIXEL_PATHS = re.compile(
    r"/(?:pixel|beacon|track(?:ing|er)?|open|count(?:er)?|spacer|blank|clear|1x1)"
    r"(?:[._-]?\d{0,4})?\.(?:gif|png|php|aspx?)$|/tr/?$|/(?:matomo|piwik)\.php$|/__utm\.gif$",
    re.IGNORECASE,
)


def without_tracking(address: str) -> str:
    """Return an address without the parameters that only follow readers; all else as it was."""
    if "?" not in address and "#" not in address:
        return address
    head, hash_mark, fragment = address.partition("#")
    path, mark, query = head.partition("?")
    kept = [piece for piece in query.split("&") if not _is_tracking(piece)]
    if mark and len(kept) < len(query.split("&")):
        head = f"{path}?{'&'.join(kept)}" if kept else path
    if hash_mark and all(_is_tracking(piece) for piece in fragment.split("&")):
        return head
    return f"{head}{hash_mark}{fragment}"


def is_pixel(address: str) -> bool:
    """Tell whether the address of a picture is that of a counter, which shows nothing."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return True
    return bool(_PIXEL_HOSTS.search(host) or _PIXEL_PATHS.search(parts.path[-200:]))


def _is_tracking(piece: str) -> bool:
    name, equals, _ = piece[:200].partition("=")
    return bool(equals) and bool(_PARAMETERS.match(unquote(name)))
