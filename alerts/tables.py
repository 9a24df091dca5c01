"""All tables in one place, for the migrations and for whoever walks the whole schema."""

from alerts import holding, kept_answers, request_limits
from alerts.articles import models as articles
from alerts.articles.sources import models as sources
from alerts.delivery import clicks, kept, returned, tallies
from alerts.delivery import models as delivery
from alerts.inbound import models as inbound
from alerts.newsletters import models as newsletters
from alerts.newsletters.archive import models as archive
from alerts.operations import models as operations
from alerts.outbox import models as outbox
from alerts.rendering import links
from alerts.rendering import models as rendering
from alerts.rendering.reviewing import models as reviewing
from alerts.staff import models as staff
from alerts.subscribers import models as subscribers
from alerts.subscribers.segments import models as segments
from alerts.subscribers.uploads import models as uploads

ALL_MODELS = (
    archive,
    articles,
    clicks,
    reviewing,
    delivery,
    holding,
    inbound,
    kept,
    links,
    kept_answers,
    newsletters,
    operations,
    outbox,
    rendering,
    request_limits,
    segments,
    returned,
    sources,
    staff,
    subscribers,
    uploads,
    tallies,
)
