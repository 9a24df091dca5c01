"""What the archive's search takes for a word, a phrase and a beginning."""

import pytest

from alerts.newsletters.archive.words import (
    LONGEST_WORD,
    Term,
    folded,
    places_of,
    shelf_slug,
    terms_of,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Bénin's co-operation", ["benin", "s", "co", "operation"]),
        ("STRASSE Straße", ["strasse", "strasse"]),
        ("हिन्दी में चुनाव", ["हिन्दी", "में", "चुनाव"]),
        ("e\u0301lan \u00e9lan", ["elan", "elan"]),
        ("a\0b_c\u202ed", ["a", "b", "c", "d"]),
        ("½ ﷺ ‡ …", ["12", "صلىاللهعليهوسلم"]),
        ("", []),
    ],
)
def test_words_are_folded(text: str, words: list[str]) -> None:
    assert folded(text) == words


def test_a_word_of_any_length_is_cut() -> None:
    assert folded("x" * 10_000) == ["x" * LONGEST_WORD]


@pytest.mark.parametrize(
    ("question", "terms"),
    [
        ("ferry delays", [Term(("ferry",)), Term(("delays",))]),
        ('"ferry delays" now', [Term(("ferry", "delays")), Term(("now",))]),
        ("elect*", [Term(("elect",), prefix=True)]),
        ('"blue helm*"', [Term(("blue", "helm"), prefix=True)]),
        ("cease-fire", [Term(("cease", "fire"))]),
        ("ferry ferry", [Term(("ferry",))]),
        ('"unclosed phrase', [Term(("unclosed",)), Term(("phrase",))]),
        ("* \" ' -- ) OR( NEAR/2 \0", [Term(("or",)), Term(("near", "2"))]),
        ("", []),
        ("\0\0", []),
    ],
)
def test_a_question_means_terms_whatever_it_holds(question: str, terms: list[Term]) -> None:
    assert list(terms_of(question)) == terms


def test_a_long_question_is_cut() -> None:
    assert len(terms_of(" ".join(str(number) for number in range(10_000)))) <= 12


def test_places_are_found_as_they_are_printed() -> None:
    text = "Le Bénin: the blue helmets, the blue sky."
    places = places_of(text, terms_of('benin "blue helmets" sk*'))
    assert [text[start:end] for start, end in places] == ["Bénin", "blue helmets", "sky"]


def test_a_shelf_is_called_by_letters_of_every_script() -> None:
    assert shelf_slug("N'Djaména / Côte d’Ivoire") == "n-djamena-cote-d-ivoire"
    assert shelf_slug("अनु जोसेफ") == "अनु-जोसेफ"
    assert shelf_slug("…") == ""
    assert shelf_slug(shelf_slug("A" * 60 + " " + "B" * 80)) == shelf_slug(
        "A" * 60 + " " + "B" * 80
    )
