"""An article in the form that scripts read."""

from typing import Any

from alerts.articles.models import Article
from alerts.regions import REGIONS


def article_json(article: Article) -> dict[str, Any]:
    """Return an article as a JSON document; what is unknown is None.

    `published_on` is `2023-10-31`, or `2024-03` where only the month is printed; `regions` are
    display names, the nearest first; `related` are the other pieces that the page lists.
    """
    return {
        "id": article.id,
        "url": article.url,
        "title": article.title,
        "series": article.series,
        "number": article.number,
        "volume": article.volume,
        "volume_number": article.volume_number,
        "published_on": printed_date(article),
        "authors": [{"name": author.name, "about": author.about} for author in article.authors],
        "team": article.team,
        "photo": _photo(article),
        "standfirst": article.standfirst,
        "regions": _names(article.regions),
        "countries": article.countries,
        "topics": article.topics,
        "parts": [
            {
                "title": part.title,
                "authors": part.authors,
                "country": part.country,
                "regions": _names(part.regions),
            }
            for part in article.parts
        ],
        "related": article.related,
        "flags": article.flags,
        "words": article.words,
        "revision": article.revision,
        "state": article.state.value,
        "withdrawn_because": article.withdrawn_because,
    }


def printed_date(article: Article) -> str | None:
    """Return the publication date in ISO 8601, as precisely as it is known."""
    if article.published_on is None:
        return None
    text = article.published_on.isoformat()
    return text[:7] if article.published_precision == "month" else text


def _photo(article: Article) -> dict[str, str | None] | None:
    if not (article.photo_url or article.photo_credit):
        return None
    return {
        "url": article.photo_url,
        "credit": article.photo_credit,
        "alt": article.photo_alt,
    }


def _names(slugs: list[str]) -> list[str]:
    return [REGIONS[slug].name for slug in slugs if slug in REGIONS]
