"""Commands by mail: by address, subject or text, in seven languages; and what is none."""

import pytest

from alerts.inbound.reading.commands import command_of, without_prefixes


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ("unsubscribe me from all your newsletters please", "unsubscribe"),
        ("Please unsubscribe", "unsubscribe"),
        ("UNSUBSCRIBE!!!", "unsubscribe"),
        ("Remove me from this mailing list", "unsubscribe"),
        ("please take me off your list", "unsubscribe"),
        ("stop sending me emails", "unsubscribe"),
        ("Stop", "unsubscribe"),
        ("Stop the war", None),
        ("Help", "help"),
        ("Help Gaza", None),
        ("Abmelden", "unsubscribe"),
        ("Newsletter abbestellen", "unsubscribe"),
        ("Bitte melden Sie mich ab", "unsubscribe"),
        ("Ich möchte den Newsletter abbestellen", "unsubscribe"),
        ("Désinscription", "unsubscribe"),
        ("je souhaite me désabonner de la newsletter", "unsubscribe"),
        ("me désinscrire", "unsubscribe"),
        ("Cancelar suscripción", "unsubscribe"),
        ("Darse de baja", "unsubscribe"),
        ("quiero cancelar mi suscripción", "unsubscribe"),
        ("Baja", "unsubscribe"),
        ("Cancelar subscrição", "unsubscribe"),
        ("Descadastrar", "unsubscribe"),
        ("quero cancelar a minha inscrição", "unsubscribe"),
        ("Disiscrizione", "unsubscribe"),
        ("Annulla iscrizione", "unsubscribe"),
        ("Vorrei disiscrivermi dalla newsletter", "unsubscribe"),
        ("Disiscrivimi", "unsubscribe"),
        ("सदस्यता रद्द करें", "unsubscribe"),
        ("मुझे हटाएं", "unsubscribe"),
        ("मुझे सूची से हटाएं", "unsubscribe"),
        ("अनसब्सक्राइब", "unsubscribe"),
        ("Subscribe", "subscribe"),
        ("Anmelden", "subscribe"),
        ("S'abonner", "subscribe"),
        ("Suscribirse", "subscribe"),
        ("Inscrever", "subscribe"),
        ("Iscrivimi", "subscribe"),
        ("सदस्यता लें", "subscribe"),
        ("Inscription", "subscribe"),
        ("aide", "help"),
        ("ayuda", "help"),
        ("ajuda", "help"),
        ("aiuto", "help"),
        ("मदद", "help"),
        ("सहायता", "help"),
        ("Préférences", "preferences"),
        ("Einstellungen", "preferences"),
        ("preferências", "preferences"),
        ("preferenze", "preferences"),
        ("प्राथमिकताएँ", "preferences"),
        ("preferences", "preferences"),
        ("How do I unsubscribe?", None),
        ("Opt out", "unsubscribe"),
        ("Kündigen", "unsubscribe"),
        ("austragen", "unsubscribe"),
        ("Unsubscribe GP Alert", "unsubscribe"),
        ("unsubscribe gp-alert", "unsubscribe"),
        ("subscribe africa-this-week", "subscribe"),
        ("I want to unsubscribe", "unsubscribe"),
        ("I no longer wish to receive these emails", "unsubscribe"),
        ("Don't email me anymore", "unsubscribe"),
        ("Please do not send me any more emails", "unsubscribe"),
        ("Join the fight against malaria", None),
        ("Info", "help"),
        ("Leave no one behind", None),
        ("leave", "unsubscribe"),
        ("Subscription rates", None),
        ("Options for Sudan", None),
        ("Info on Mali", None),
        ("Please unsubscribe me. Thank you very much!", "unsubscribe"),
        ("I don't want to miss your newsletter", None),
        ("", None),
    ],
)
def test_a_subject_or_a_text_that_is_nothing_but_a_command(words: str, command: str | None) -> None:
    assert command_of((), words, "") == command
    assert command_of((), "Re: GP Alert 12: Water", words) == command


@pytest.mark.parametrize(
    ("address", "command"),
    [
        ("alerts+unsubscribe@newsroom.example", "unsubscribe"),
        ("alerts-unsubscribe@newsroom.example", "unsubscribe"),
        ("alerts+subscribe+token@newsroom.example", "subscribe"),
        ("Help@newsroom.example", "help"),
        ("preferences@newsroom.example", "preferences"),
        ("alerts@unsubscribe.example", None),
        ("helpful@newsroom.example", None),
    ],
)
def test_the_address_that_was_written_to(address: str, command: str | None) -> None:
    assert command_of((address,), "", "") == command


def test_the_address_says_it_before_the_subject_and_that_before_the_text() -> None:
    assert command_of(("help@x.example",), "stop", "subscribe") == "help"
    assert command_of(("alerts@x.example",), "stop", "subscribe") == "unsubscribe"


@pytest.mark.parametrize(
    "subject",
    ["Re: x", "AW: Fwd: x", "RE[2]: [GP Alert] x", "Re^3: x", "TR : x", "Re\uff1ax"],
)
def test_prefixes_of_clients_and_lists_are_taken_off(subject: str) -> None:
    assert without_prefixes(subject) == "x"


@pytest.mark.parametrize(
    "subject",
    [
        *("Antwort: Abmelden", "Antwoord: uitschrijven", "SV: avregistrera mig", "Odp.: wypisz"),
        *("Ответ: отписаться", "回复\uff1a取消订阅", "配信停止", "구독 취소", "إلغاء الاشتراك"),
        *("Ynt: aboneliği iptal et", "RE : me désabonner", "R: cancellami", "Darse de baja"),
    ],
)
def test_readers_ask_in_their_own_words_and_through_any_client(subject: str) -> None:
    assert command_of((), subject, "") == "unsubscribe"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("subscribe", "Den Newsletter abonnieren|iscriviti|aanmelden|اشتراك|jiandikishe|подписка"),
        (
            "subscribe",
            "tafadhali nijiunge|订阅|구독|zapisz mnie|abone ol|prenumerera|मुझे सदस्यता चाहिए",
        ),
        ("unsubscribe", "أريد إلغاء الاشتراك|إلغاء اشتراكي|Tafadhali niondoe|ghairi usajili|jitoe"),
        ("unsubscribe", "Merci de me retirer de votre liste|कृपया मुझे इस सूची से हटा दें"),
        ("help", "مساعدة|msaada|помощь|帮助|ヘルプ|도움말|pomoc|hulp|yardım|hjälp|मदद"),
        (
            "preferences",
            "التفضيلات|إعدادات|mapendeleo|настройки|设置|설정|voorkeuren|Mes préférences",
        ),
    ],
)
def test_every_command_is_heard_in_many_languages(command: str, words: str) -> None:
    heard = {word: command_of((), word, "") for word in words.split("|")}
    assert heard == dict.fromkeys(heard, command)
    written = {word: command_of((), "Re: GP Alert 12", f"{word}\n") for word in heard}
    assert written == heard
