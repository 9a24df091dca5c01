"""The languages in which the frame around articles, headings and links, can be had."""

from alerts.errors import Invalid

# Each by its own name. The articles themselves are never translated.
FRAME_LANGUAGES = {"en": "English", "fr": "français", "hi": "हिन्दी"}
DEFAULT_LANGUAGE = "en"


def check_language(text: str | None) -> str | None:
    """Return a frame's language as BCP 47 tag, None for the usual one; raises Invalid."""
    tag = (text or "").strip().lower()
    if not tag or tag == DEFAULT_LANGUAGE:
        return None
    if tag not in FRAME_LANGUAGES:
        raise Invalid(f"there is no frame in {text!r}; there is {', '.join(FRAME_LANGUAGES)}")
    return tag
