"""A chart as an image: an answer of its own, which the desk's pages show."""

import hashlib
from base64 import b64encode

from starlette.responses import Response

from alerts.web.charts import Chart
from alerts.web.headers import PERSONAL


def image_of(chart: Chart, *, narrow: bool) -> Response:
    """Return a chart as an image, `narrow` for a phone.

    Opened by itself it may show, with the very styles it carries, and nothing else.
    """
    drawn = chart.narrowed if narrow else chart
    digest = b64encode(hashlib.sha256(drawn.style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; sandbox"
    headers = PERSONAL | {"Content-Security-Policy": policy}
    return Response(drawn.svg, headers=headers, media_type="image/svg+xml")
