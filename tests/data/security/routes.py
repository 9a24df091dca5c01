"""Every route of the web part, and who may use it: the written table that the code is held against.

A line is a method, a path and one word:

    everybody     pages and feeds for readers and machines
    link          whoever holds the signed link that the path contains
    machine       this machine, or whoever holds the token for metrics
    catcher       everybody, and only while mail is caught and does not leave
    door          the steps of logging in: they look at what is handed in, themselves
    staff         whoever is logged in at the desk
    push          whoever holds a token for handing in articles
    api:SCOPE     a bearer token of the API with this scope
    PERMISSION    whoever's role has this permission (alerts/staff/permissions.py)

A new route has a line here before it has a user.
"""

TABLE = """
GET   /healthz                                     everybody
GET   /readyz                                      everybody
GET   /metrics                                     machine

GET   /                                            everybody
GET   /subscribe                                   everybody
POST  /subscribe                                   everybody
GET   /embed                                       everybody
GET   /confirm/{token}                             link
POST  /confirm/{token}                             link
GET   /preferences/                                everybody
GET   /preferences                                 everybody
POST  /preferences                                 everybody
GET   /preferences/{token}                         link
POST  /preferences/{token}                         link
GET   /preferences/{token}/data.json               link
GET   /preferences/{token}/data.csv                link
GET   /preferences/{token}/erase                   link
POST  /preferences/{token}/erase                   link
GET   /unsubscribe/{token}                         link
POST  /unsubscribe/{token}                         link
POST  /unsubscribe/{token}/undo                    link

GET   /archive/                                    everybody
GET   /archive/search                              everybody
GET   /archive/region                              everybody
GET   /archive/region/{slug}                       everybody
GET   /archive/series                              everybody
GET   /archive/series/{slug}                       everybody
GET   /archive/author                              everybody
GET   /archive/author/{slug}                       everybody
GET   /archive/year                                everybody
GET   /archive/year/{slug}                         everybody
GET   /archive/feed.atom                           everybody
GET   /archive/feed.json                           everybody
GET   /archive/{slug}                              everybody
GET   /archive/{slug}/{number}                     everybody
GET   /archive/{slug}/feed.atom                    everybody
GET   /archive/{slug}/feed.json                    everybody
GET   /robots.txt                                  everybody
GET   /sitemap.xml                                 everybody
GET   /sitemap-{number}.xml                        everybody
GET   /sample/photos/{name}                        everybody
MOUNT /static                                      everybody

GET   /caught/                                     catcher
POST  /caught/clear                                catcher
GET   /caught/{mail_id}                            catcher
GET   /caught/{mail_id}/html                       catcher
GET   /caught/{mail_id}/raw                        catcher

GET   /desk/login                                  door
POST  /desk/login                                  door
GET   /desk/code                                   door
POST  /desk/code                                   door
GET   /desk/password/{secret}                      door
POST  /desk/password/{secret}                      door
POST  /desk/logout                                 staff
POST  /desk/confirm                                staff
GET   /desk/                                       staff
GET   /desk/account                                staff
POST  /desk/account/password                       staff
POST  /desk/account/sessions/end                   staff
POST  /desk/account/tokens                         staff
POST  /desk/account/tokens/revoke                  staff
POST  /desk/account/device                         staff
POST  /desk/account/device/finish                  staff
POST  /desk/account/device/codes                   staff
POST  /desk/account/device/off                     staff

GET   /desk/operations                             operations.read
GET   /desk/operations/charts/{name}.svg           operations.read
GET   /desk/operations/doctor                      operations.read
POST  /desk/operations/doctor                      operations.write
POST  /desk/operations/alarms/{alarm_id}/silence   operations.write
POST  /desk/operations/alarms/{alarm_id}/unsilence operations.write
GET   /desk/operations/release                     operations.write
POST  /desk/operations/release                     operations.write
GET   /desk/staff                                  staff.manage
POST  /desk/staff                                  staff.manage
GET   /desk/staff/{account_id}                     staff.manage
POST  /desk/staff/{account_id}/role                staff.manage
POST  /desk/staff/{account_id}/link                staff.manage
POST  /desk/staff/{account_id}/unlock              staff.manage
POST  /desk/staff/{account_id}/reset               staff.manage
POST  /desk/staff/{account_id}/remove              staff.manage
GET   /desk/log                                    audit.read

GET   /api/openapi.json                            everybody
POST  /api/v1/articles                             push
GET   /api/v1/articles/{article_id}                push
"""


def table() -> dict[tuple[str, str], str]:
    """Return who may use each route: the word by method and path."""
    found: dict[tuple[str, str], str] = {}
    for line in filter(None, map(str.strip, TABLE.splitlines())):
        method, path, word = line.split()
        assert (method, path) not in found, f"{method} {path} stands there twice"
        found[method, path] = word
    return found
