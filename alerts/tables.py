"""All tables in one place, for the migrations and for whoever walks the whole schema."""

from alerts import request_limits
from alerts.articles import models as articles
from alerts.articles.sources import models as sources
from alerts.delivery import models as delivery
from alerts.newsletters import models as newsletters
from alerts.rendering import models as rendering
from alerts.staff import models as staff
from alerts.subscribers import models as subscribers

ALL_MODELS = (
    articles,
    delivery,
    newsletters,
    rendering,
    request_limits,
    sources,
    staff,
    subscribers,
)
