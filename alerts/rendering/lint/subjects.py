"""The subject and the preheader: what is read before anything else."""

import re
from collections.abc import Iterator

from alerts.newsletters.content import IssueContent
from alerts.rendering.lint.findings import Finding, error, shown, warning

# What most inboxes show of a subject on a desk.
_SUBJECT_LENGTH = 90
# With fewer letters capitals are an abbreviation; when more than this part of the words is in
# them, they are shouting.
_FEW_LETTERS, _MOSTLY = 10, 0.7
_SHOUTING = re.compile(r"[!?]{2,}")
_NO_WORDS = re.compile(r"[^\w]+", re.UNICODE)


def check_subject(subject: str) -> Iterator[Finding]:
    """Yield what is wrong with the subject as it is rendered."""
    if not subject.strip():
        yield error(
            "subject-empty", "the issue has no subject", "write a subject line", about="subject"
        )
        return
    if "\n" in subject or "\r" in subject:
        yield error(
            "subject-line-break",
            "the subject has a line break",
            "write it on a single line",
            about="subject",
        )
    if len(subject) > _SUBJECT_LENGTH:
        yield _about_subject(
            "subject-long",
            f"the subject has {len(subject)} characters and will be cut in most inboxes",
            f"shorten it to {_SUBJECT_LENGTH} characters or fewer",
            subject,
        )
    if _shouts(subject):
        yield _about_subject(
            "subject-capitals",
            "the subject is written in capitals, as advertising is, and may be taken for it",
            "write it as a sentence or a headline",
            subject,
        )
    if _SHOUTING.search(subject):
        yield _about_subject(
            "subject-shouting",
            "the subject has several exclamation or question marks in a row",
            "leave one, or none",
            subject,
        )
    if not _NO_WORDS.sub("", subject):
        yield _about_subject(
            "subject-no-words",
            "the subject has no letter and no digit, only signs or emoji",
            "say in words what the issue is about: some inboxes, and all screen readers, need them",
            subject,
        )


def check_preheader(content: IssueContent) -> Iterator[Finding]:
    """Yield what is wrong with the words that inboxes show behind the subject."""
    preheader = content.preheader
    if not preheader.strip():
        yield warning(
            "preheader-missing",
            "there is no preheader: inboxes show the mail's first words, “View in browser”",
            "write a sentence that goes on where the subject ends",
            about="preheader",
            content=content.subject,
        )
        return
    subject, words = _folded(content.subject), _folded(preheader)
    if words and subject and (words.startswith(subject) or subject.startswith(words)):
        yield warning(
            "preheader-repeats",
            f"the preheader {shown(preheader)} says the subject again",
            "use it for what the subject had no room for",
            about="preheader",
            content=f"{content.subject}\n{preheader}",
        )


def _shouts(subject: str) -> bool:
    words = [word for word in re.findall(r"\w+", subject) if word.lower() != word.upper()]
    loud = [word for word in words if word.isupper() and len(word) > 1]
    return sum(map(len, loud)) >= _FEW_LETTERS and len(loud) > _MOSTLY * len(words)


def _about_subject(rule: str, message: str, fix: str, subject: str) -> Finding:
    return warning(rule, message, fix, about="subject", content=subject)


def _folded(text: str) -> str:
    return _NO_WORDS.sub(" ", text).casefold().strip()
