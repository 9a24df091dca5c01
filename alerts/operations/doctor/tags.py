"""Records of the form `tag=value; tag=value`, as DKIM and DMARC have them. Pure."""


class BadTags(Exception):
    """The record is not a list of tags."""


def read_tags(text: str) -> dict[str, str]:
    """Read a tag list (RFC 6376 section 3.2), names in small letters; raises BadTags."""
    tags: dict[str, str] = {}
    for part in text.split(";"):
        if not part.strip():
            continue
        name, mark, value = part.partition("=")
        name = name.strip().lower()
        if not mark or not name.isidentifier():
            raise BadTags(f"{part.strip()!r} is no tag=value")
        if name in tags:
            raise BadTags(f"{name}= stands there twice")
        tags[name] = value.strip()
    return tags
