from alerts.newsletters.archive.words import terms_of
from alerts.web.marking import excerpt, marked


def test_found_words_are_marked_and_the_rest_is_escaped() -> None:
    text = "<script>ferry</script> & Ferry's"
    assert marked(text, terms_of("ferry")) == (
        "&lt;script&gt;<mark>ferry</mark>&lt;/script&gt; &amp; <mark>Ferry</mark>&#39;s"
    )


def test_an_excerpt_begins_and_ends_between_words_around_the_place() -> None:
    text = "before " * 50 + "the ferry ghat " + "after " * 100
    found = excerpt(text, terms_of('"ferry ghat"'))
    assert found is not None
    assert found.startswith("… before")
    assert found.endswith("after …")
    assert "the <mark>ferry ghat</mark> after" in found
    assert len(found) < 300


def test_an_excerpt_without_the_words_is_none_and_without_terms_the_beginning() -> None:
    assert excerpt("Some words", terms_of("ferry")) is None
    assert excerpt("", ()) is None
    assert excerpt("Some words", ()) == "Some words"
    endless = excerpt("x" * 10_000, ())
    assert endless is not None
    assert len(endless) == 242
