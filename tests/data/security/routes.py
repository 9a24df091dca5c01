"""Every route of the web part, and who may use it: the written table that the code is held against.

A line is a method, a path and one word:

    everybody     pages and feeds for readers and machines
    link          whoever holds the signed link that the path contains
    machine       this machine, or whoever holds the token for metrics
    catcher       everybody, and only while mail is caught and does not leave
    door          the steps of logging in: they look at what is handed in, themselves
    staff         whoever is logged in at the desk
    push          whoever holds a token for handing in articles, or the articles' scope
    provider      a mail provider, by its signature; nobody where none is set up
    api:SCOPE     a bearer token of the API with this scope
    PERMISSION    whoever's role has this permission (alerts/staff/permissions.py)

A new route has a line here before it has a user.
"""

TABLE = """
GET    /healthz                                             everybody
GET    /readyz                                              everybody
GET    /metrics                                             machine

GET    /                                                    everybody
GET    /subscribe                                           everybody
POST   /subscribe                                           everybody
GET    /embed                                               everybody
GET    /confirm/{token}                                     link
POST   /confirm/{token}                                     link
GET    /preferences/                                        everybody
GET    /preferences                                         everybody
POST   /preferences                                         everybody
GET    /preferences/{token}                                 link
POST   /preferences/{token}                                 link
GET    /preferences/{token}/data.json                       link
GET    /preferences/{token}/data.csv                        link
GET    /preferences/{token}/erase                           link
POST   /preferences/{token}/erase                           link
GET    /unsubscribe/{token}                                 link
POST   /unsubscribe/{token}                                 link
POST   /unsubscribe/{token}/undo                            link

GET    /archive/                                            everybody
GET    /archive/search                                      everybody
GET    /archive/region                                      everybody
GET    /archive/region/{slug}                               everybody
GET    /archive/series                                      everybody
GET    /archive/series/{slug}                               everybody
GET    /archive/author                                      everybody
GET    /archive/author/{slug}                               everybody
GET    /archive/year                                        everybody
GET    /archive/year/{slug}                                 everybody
GET    /archive/feed.atom                                   everybody
GET    /archive/feed.json                                   everybody
GET    /archive/{slug}                                      everybody
GET    /archive/{slug}/{number}                             everybody
GET    /archive/{slug}/feed.atom                            everybody
GET    /archive/{slug}/feed.json                            everybody
GET    /robots.txt                                          everybody
GET    /sitemap.xml                                         everybody
GET    /sitemap-{number}.xml                                everybody
GET    /sample/photos/{name}                                everybody
MOUNT  /static                                              everybody

GET    /caught/                                             catcher
POST   /caught/clear                                        catcher
GET    /caught/{mail_id}                                    catcher
GET    /caught/{mail_id}/html                               catcher
GET    /caught/{mail_id}/raw                                catcher

GET    /desk/login                                          door
POST   /desk/login                                          door
GET    /desk/code                                           door
POST   /desk/code                                           door
GET    /desk/password/{secret}                              door
POST   /desk/password/{secret}                              door
POST   /desk/logout                                         staff
POST   /desk/confirm                                        staff
GET    /desk/                                               staff
GET    /desk/account                                        staff
POST   /desk/account/password                               staff
POST   /desk/account/sessions/end                           staff
POST   /desk/account/tokens                                 staff
POST   /desk/account/tokens/revoke                          staff
POST   /desk/account/device                                 staff
POST   /desk/account/device/finish                          staff
POST   /desk/account/device/codes                           staff
POST   /desk/account/device/off                             staff

GET    /desk/operations                                     operations.read
GET    /desk/operations/charts/{name}.svg                   operations.read
GET    /desk/operations/doctor                              operations.read
POST   /desk/operations/doctor                              operations.write
POST   /desk/operations/alarms/{alarm_id}/silence           operations.write
POST   /desk/operations/alarms/{alarm_id}/unsilence         operations.write
GET    /desk/operations/release                             operations.write
POST   /desk/operations/release                             operations.write
GET    /desk/staff                                          staff.manage
POST   /desk/staff                                          staff.manage
GET    /desk/staff/{account_id}                             staff.manage
POST   /desk/staff/{account_id}/role                        staff.manage
POST   /desk/staff/{account_id}/link                        staff.manage
POST   /desk/staff/{account_id}/unlock                      staff.manage
POST   /desk/staff/{account_id}/reset                       staff.manage
POST   /desk/staff/{account_id}/remove                      staff.manage
GET    /desk/log                                            audit.read

GET    /api/openapi.json                                    everybody
POST   /api/v1/articles                                     push

GET    /desk/issues                                         issues.read
POST   /desk/issues                                         issues.edit
GET    /desk/issues/{issue_id}                              issues.read
GET    /desk/issues/{issue_id}/checks                       issues.read
POST   /desk/issues/{issue_id}/checks/links                 issues.read
POST   /desk/issues/{issue_id}/checks/overrule              issues.approve
POST   /desk/issues/{issue_id}/checks/restore               issues.approve
GET    /desk/issues/{issue_id}/compose                      issues.read
POST   /desk/issues/{issue_id}/compose                      issues.edit
POST   /desk/issues/{issue_id}/compose/auto                 issues.edit
GET    /desk/issues/{issue_id}/history                      issues.read
GET    /desk/issues/{issue_id}/history/{number}             issues.read
POST   /desk/issues/{issue_id}/history/{number}/restore     issues.edit
GET    /desk/issues/{issue_id}/look                         issues.read
GET    /desk/issues/{issue_id}/look/mail                    issues.read
GET    /desk/issues/{issue_id}/look/message.eml             issues.read
POST   /desk/issues/{issue_id}/look/reader                  issues.read
GET    /desk/issues/{issue_id}/number                       issues.edit
POST   /desk/issues/{issue_id}/number                       issues.edit
GET    /desk/issues/{issue_id}/progress                     issues.read
POST   /desk/issues/{issue_id}/reopen                       issues.edit
GET    /desk/issues/{issue_id}/report                       reports.read
GET    /desk/issues/{issue_id}/report.csv                   reports.read
GET    /desk/issues/{issue_id}/report/{chart}.svg           reports.read
GET    /desk/issues/{issue_id}/send                         issues.read
POST   /desk/issues/{issue_id}/send/approve                 issues.approve
POST   /desk/issues/{issue_id}/send/cancel                  issues.send
GET    /desk/issues/{issue_id}/send/confirm                 issues.send
POST   /desk/issues/{issue_id}/send/count                   issues.send
POST   /desk/issues/{issue_id}/send/pause                   issues.send
POST   /desk/issues/{issue_id}/send/resume                  issues.send
POST   /desk/issues/{issue_id}/send/retry                   issues.send
POST   /desk/issues/{issue_id}/send/start                   issues.send
POST   /desk/issues/{issue_id}/send/test                    issues.send
POST   /desk/issues/{issue_id}/send/undo                    issues.send

GET    /desk/articles                                       articles.read
GET    /desk/articles/add                                   articles.write
POST   /desk/articles/add                                   articles.write
GET    /desk/articles/{article_id}                          articles.read
POST   /desk/articles/{article_id}/answer                   articles.write
GET    /desk/articles/{article_id}/edit                     articles.write
POST   /desk/articles/{article_id}/edit                     articles.write
POST   /desk/articles/{article_id}/reinstate                articles.write
POST   /desk/articles/{article_id}/settle                   articles.write
POST   /desk/articles/{article_id}/withdraw                 articles.write
GET    /desk/sources                                        sources.edit
POST   /desk/sources                                        sources.edit
GET    /desk/sources/{source_id}                            sources.edit
POST   /desk/sources/{source_id}/interval                   sources.edit
POST   /desk/sources/{source_id}/pause                      sources.edit
POST   /desk/sources/{source_id}/poll                       sources.edit
POST   /desk/sources/{source_id}/remove                     sources.edit
POST   /desk/sources/{source_id}/resume                     sources.edit

GET    /desk/newsletters                                    issues.read
POST   /desk/newsletters/all/again                          newsletters.edit
POST   /desk/newsletters/all/apply                          newsletters.edit
GET    /desk/newsletters/all/file                           newsletters.edit
POST   /desk/newsletters/all/file                           newsletters.edit
POST   /desk/newsletters/all/look                           newsletters.edit
GET    /desk/newsletters/all/new                            newsletters.edit
POST   /desk/newsletters/all/text-again                     newsletters.edit
POST   /desk/newsletters/all/upload                         newsletters.edit
GET    /desk/newsletters/{slug}                             issues.read
GET    /desk/newsletters/{slug}/change                      newsletters.edit
GET    /desk/newsletters/{slug}/export                      issues.read
GET    /desk/newsletters/{slug}/schedules                   issues.read
POST   /desk/newsletters/{slug}/schedules/pause             schedules.edit
POST   /desk/newsletters/{slug}/schedules/remove            schedules.edit
POST   /desk/newsletters/{slug}/schedules/resume            schedules.edit
GET    /desk/newsletters/{slug}/schedules/set               schedules.edit
POST   /desk/newsletters/{slug}/schedules/set               schedules.edit
GET    /desk/newsletters/{slug}/text                        newsletters.edit

GET    /desk/subscribers                                    subscribers.read
GET    /desk/subscribers/add                                subscribers.read
POST   /desk/subscribers/add                                subscribers.read
GET    /desk/subscribers/export.csv                         subscribers.write
GET    /desk/subscribers/growth                             subscribers.read
GET    /desk/subscribers/growth.csv                         subscribers.read
GET    /desk/subscribers/growth/{newsletter}.svg            subscribers.read
GET    /desk/subscribers/import                             subscribers.write
POST   /desk/subscribers/import                             subscribers.write
GET    /desk/subscribers/import/{upload_id}                 subscribers.write
POST   /desk/subscribers/import/{upload_id}/check           subscribers.write
POST   /desk/subscribers/import/{upload_id}/drop            subscribers.write
GET    /desk/subscribers/import/{upload_id}/report.csv      subscribers.write
POST   /desk/subscribers/import/{upload_id}/start           subscribers.write
GET    /desk/subscribers/count                              subscribers.read
GET    /desk/subscribers/segments                           subscribers.read
POST   /desk/subscribers/segments                           subscribers.read
GET    /desk/subscribers/segments/{slug}                    subscribers.read
POST   /desk/subscribers/segments/{slug}/remove             subscribers.read
GET    /desk/subscribers/suppressions                       subscribers.read
POST   /desk/subscribers/suppressions/address               subscribers.write
POST   /desk/subscribers/suppressions/address/lift          subscribers.write
POST   /desk/subscribers/suppressions/domain                subscribers.write
POST   /desk/subscribers/suppressions/domain/lift           subscribers.write
GET    /desk/subscribers/{subscriber_id}                    subscribers.read
POST   /desk/subscribers/{subscriber_id}/ask                subscribers.write
GET    /desk/subscribers/{subscriber_id}/data.{kind}        subscribers.read
GET    /desk/subscribers/{subscriber_id}/erase              subscribers.erase
POST   /desk/subscribers/{subscriber_id}/erase              subscribers.erase
POST   /desk/subscribers/{subscriber_id}/lift               subscribers.write
POST   /desk/subscribers/{subscriber_id}/suppress           subscribers.write
POST   /desk/subscribers/{subscriber_id}/unsubscribe        subscribers.write

GET    /desk/returned                                       reports.read
GET    /desk/returned/chart.svg                             reports.read
GET    /desk/returned/{mail_id}                             reports.read
POST   /desk/returned/{mail_id}/again                       subscribers.write
GET    /desk/webhooks                                       operations.read
POST   /desk/webhooks                                       operations.write
GET    /desk/webhooks/{webhook_id}                          operations.read
POST   /desk/webhooks/{webhook_id}                          operations.write
POST   /desk/webhooks/{webhook_id}/pause                    operations.write
POST   /desk/webhooks/{webhook_id}/redeliver                operations.write
POST   /desk/webhooks/{webhook_id}/remove                   operations.write
POST   /desk/webhooks/{webhook_id}/resume                   operations.write
POST   /desk/webhooks/{webhook_id}/rotate                   operations.write
POST   /desk/webhooks/{webhook_id}/test                     operations.write

GET    /api/docs                                            everybody
GET    /c/{token}                                           link
POST   /inbound/webhooks/{provider}                         provider
POST   /inbound/webhooks/{provider}/{secret}                provider

GET    /api/v1/articles                                     push
POST   /api/v1/articles/read                                api:articles.write
GET    /api/v1/articles/{article_id:int}                    push
POST   /api/v1/articles/{article_id:int}/reinstate          api:articles.write
GET    /api/v1/articles/{article_id:int}/revisions          api:articles.read
POST   /api/v1/articles/{article_id:int}/withdraw           api:articles.write
GET    /api/v1/sources                                      api:articles.read
POST   /api/v1/sources                                      api:sources.edit
GET    /api/v1/sources/{source_id:int}                      api:articles.read
DELETE /api/v1/sources/{source_id:int}                      api:sources.edit
POST   /api/v1/sources/{source_id:int}/pause                api:sources.edit
POST   /api/v1/sources/{source_id:int}/poll                 api:sources.edit
POST   /api/v1/sources/{source_id:int}/resume               api:sources.edit

GET    /api/v1/issues                                       api:issues.read
POST   /api/v1/issues                                       api:issues.edit
GET    /api/v1/issues/{issue_id:int}                        api:issues.read
PATCH  /api/v1/issues/{issue_id:int}                        api:issues.edit
POST   /api/v1/issues/{issue_id:int}/approve                api:issues.approve
GET    /api/v1/issues/{issue_id:int}/audit                  api:reports.read
POST   /api/v1/issues/{issue_id:int}/cancel                 api:issues.send
GET    /api/v1/issues/{issue_id:int}/lint                   api:issues.read
POST   /api/v1/issues/{issue_id:int}/pause                  api:issues.send
GET    /api/v1/issues/{issue_id:int}/preview                api:issues.read
GET    /api/v1/issues/{issue_id:int}/report                 api:reports.read
POST   /api/v1/issues/{issue_id:int}/resume                 api:issues.send
POST   /api/v1/issues/{issue_id:int}/retry                  api:issues.send
POST   /api/v1/issues/{issue_id:int}/schedule               api:issues.send
POST   /api/v1/issues/{issue_id:int}/send                   api:issues.send
POST   /api/v1/issues/{issue_id:int}/test                   api:issues.send
POST   /api/v1/issues/{issue_id:int}/undo                   api:issues.send
GET    /api/v1/newsletters                                  api:issues.read
POST   /api/v1/newsletters                                  api:newsletters.edit
POST   /api/v1/newsletters/apply                            api:newsletters.edit
POST   /api/v1/newsletters/check                            api:issues.read
GET    /api/v1/newsletters/{slug}                           api:issues.read
PUT    /api/v1/newsletters/{slug}                           api:newsletters.edit
GET    /api/v1/newsletters/{slug}/export                    api:issues.read
GET    /api/v1/schedules                                    api:issues.read
POST   /api/v1/schedules                                    api:schedules.edit
GET    /api/v1/schedules/{schedule_id:int}                  api:issues.read
PATCH  /api/v1/schedules/{schedule_id:int}                  api:schedules.edit
DELETE /api/v1/schedules/{schedule_id:int}                  api:schedules.edit
GET    /api/v1/schedules/{schedule_id:int}/next             api:issues.read
POST   /api/v1/schedules/{schedule_id:int}/pause            api:schedules.edit
POST   /api/v1/schedules/{schedule_id:int}/resume           api:schedules.edit
GET    /api/v1/schedules/{schedule_id:int}/runs             api:issues.read

GET    /api/v1/reports/growth                               api:reports.read
GET    /api/v1/segments                                     api:subscribers.read
POST   /api/v1/segments                                     api:subscribers.write
POST   /api/v1/segments/count                               api:subscribers.read
GET    /api/v1/segments/{slug}                              api:subscribers.read
PATCH  /api/v1/segments/{slug}                              api:subscribers.write
DELETE /api/v1/segments/{slug}                              api:subscribers.write
GET    /api/v1/segments/{slug}/members                      api:subscribers.read
GET    /api/v1/subscribers                                  api:subscribers.read
POST   /api/v1/subscribers                                  api:subscribers.write
GET    /api/v1/subscribers/export                           api:subscribers.write
POST   /api/v1/subscribers/find                             api:subscribers.read
GET    /api/v1/subscribers/{subscriber_id:int}              api:subscribers.read
DELETE /api/v1/subscribers/{subscriber_id:int}              api:subscribers.erase
GET    /api/v1/subscribers/{subscriber_id:int}/data         api:subscribers.read
POST   /api/v1/subscribers/{subscriber_id:int}/unsubscribe  api:subscribers.write
POST   /api/v1/suppressions                                 api:subscribers.write
POST   /api/v1/suppressions/check                           api:subscribers.read
GET    /api/v1/suppressions/domains                         api:subscribers.read
POST   /api/v1/suppressions/domains                         api:subscribers.write
POST   /api/v1/suppressions/domains/{domain}/unblock        api:subscribers.write
POST   /api/v1/suppressions/lift                            api:subscribers.write
"""


def table() -> dict[tuple[str, str], str]:
    """Return who may use each route: the word by method and path."""
    found: dict[tuple[str, str], str] = {}
    for line in filter(None, map(str.strip, TABLE.splitlines())):
        method, path, word = line.split()
        assert (method, path) not in found, f"{method} {path} stands there twice"
        found[method, path] = word
    return found
