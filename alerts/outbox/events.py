"""The kinds of events that other programs can be told of. Pure."""

import enum


class EventKind(enum.StrEnum):
    """What happens; an issue's event is called by the state that the issue is in now."""

    ISSUE_DRAFTED = "issue.drafted"
    ISSUE_APPROVED = "issue.approved"
    ISSUE_SCHEDULED = "issue.scheduled"
    ISSUE_SENDING = "issue.sending"
    ISSUE_PAUSED = "issue.paused"
    ISSUE_SENT = "issue.sent"
    ISSUE_CANCELLED = "issue.cancelled"
    ARTICLE_ADDED = "article.added"
    ARTICLE_WITHDRAWN = "article.withdrawn"
    SUBSCRIBER_CONFIRMED = "subscriber.confirmed"
    SUBSCRIBER_UNSUBSCRIBED = "subscriber.unsubscribed"


# What an endpoint gets when somebody presses “test”; nobody asks for it by name.
TEST = "webhook.test"

ABOUT = {
    EventKind.ISSUE_DRAFTED: "an issue was drafted, or became a draft again",
    EventKind.ISSUE_APPROVED: "an issue was approved",
    EventKind.ISSUE_SCHEDULED: "an issue was given the moment at which it goes out",
    EventKind.ISSUE_SENDING: "an issue began to go out, or goes on after a pause or a retry",
    EventKind.ISSUE_PAUSED: "an issue was stopped on its way",
    EventKind.ISSUE_SENT: "everybody in an issue’s audience is on the books",
    EventKind.ISSUE_CANCELLED: "an issue was dropped or called off",
    EventKind.ARTICLE_ADDED: "an article was taken in that was not known",
    EventKind.ARTICLE_WITHDRAWN: "an article was withdrawn",
    EventKind.SUBSCRIBER_CONFIRMED: "a reader confirmed (an import tells nothing)",
    EventKind.SUBSCRIBER_UNSUBSCRIBED: "a reader left the last newsletter they had",
}
