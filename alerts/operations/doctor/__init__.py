"""What makes mail arrive, looked at one check at a time.

`findings` are what checks return. Rules stand in plain modules (`spf`, `dkim`, `dmarc`, …) and get
what they judge through small ports: `names.Names` asks DNS, `relay.look` a relay, `web.Web` the
base URL. `service` puts all together, `rules` holds the findings against what providers ask.
"""
