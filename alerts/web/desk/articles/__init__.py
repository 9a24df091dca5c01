"""The desk's room for articles."""

from alerts.web.desk.articles import adding, editing, listing, one, settling

# Where a word and a number stand at the same place of an address, the word goes first.
ARTICLE_ROOMS = (listing, adding, editing, settling, one)
