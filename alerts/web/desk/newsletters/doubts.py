"""What a definition asks for that nothing answers to, as far as is known today. Pure."""

from collections.abc import Collection, Iterator

from alerts.newsletters.definitions import NewsletterDefinition


def doubts_about(
    definition: NewsletterDefinition, *, series: Collection[str], topics: Collection[str]
) -> list[str]:
    """Return a line for each series and topic of the rule that is not among those known.

    None of them is an error: a series may be about to begin, and editors give topics by hand.
    """
    rule = definition.rule
    return [
        *_lines("series", rule.series, series, "No article has come in of the series"),
        *_lines("topics", rule.topics, topics, "By itself no article gets the topic"),
    ]


def _lines(kind: str, asked: Collection[str], known: Collection[str], words: str) -> Iterator[str]:
    alike = {one.casefold() for one in known}
    there = f"Known {kind} are {', '.join(sorted(known))}." if known else f"No {kind} are known."
    for name in asked:
        if name.casefold() not in alike:
            yield f"{words} “{name}”: nothing matches it today. {there}"
