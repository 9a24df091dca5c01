"""All tables in one place, for the migrations and for whoever walks the whole schema."""

from alerts import holding, request_limits
from alerts.articles import models as articles
from alerts.articles.sources import models as sources
from alerts.delivery import models as delivery
from alerts.delivery import returned
from alerts.inbound import models as inbound
from alerts.newsletters import models as newsletters
from alerts.newsletters.archive import models as archive
from alerts.operations import models as operations
from alerts.rendering import models as rendering
from alerts.rendering.reviewing import models as reviewing
from alerts.staff import models as staff
from alerts.subscribers import models as subscribers
from alerts.subscribers.segments import models as segments

ALL_MODELS = (
    archive,
    articles,
    reviewing,
    delivery,
    holding,
    inbound,
    newsletters,
    operations,
    rendering,
    request_limits,
    segments,
    returned,
    sources,
    staff,
    subscribers,
)
