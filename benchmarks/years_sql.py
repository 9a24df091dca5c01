"""What a newsroom gathers over the years, as PostgreSQL writes it down in whole sets."""

# Who came, confirmed, left; over two years, and on record.
LIVES = (
    """
    UPDATE subscribers SET
        created_at = now() - (id % 730) * interval '1 day',
        confirmed_at = now() - (id % 730) * interval '1 day',
        state = CASE id % 100 WHEN 1 THEN 'unconfirmed' WHEN 2 THEN 'unsubscribed'
                WHEN 3 THEN 'suppressed' ELSE state END
    """,
    """
    UPDATE subscriptions SET ended_at = now() - (subscriber_id % 365) * interval '1 day'
    WHERE subscriber_id % 100 = 2
    """,
    """
    INSERT INTO consent_records (subscriber_id, newsletter, action, wording, way, at)
    SELECT s.subscriber_id, s.newsletter, a.action, 'Send me the newsletter.', 'form', p.created_at
    FROM subscriptions s JOIN subscribers p ON p.id = s.subscriber_id
    CROSS JOIN (VALUES ('requested'), ('confirmed')) AS a(action)
    """,
    """
    INSERT INTO consent_records (subscriber_id, newsletter, action, wording, way, at)
    SELECT subscriber_id, newsletter, 'withdrawn', '', 'link', ended_at
    FROM subscriptions WHERE ended_at IS NOT NULL
    """,
    # As the days were counted when each was over.
    """
    INSERT INTO growth_days (day, newsletter, kind, count)
    SELECT (at AT TIME ZONE 'UTC')::date, newsletter, CASE action WHEN 'requested' THEN 'signed up'
        WHEN 'confirmed' THEN 'confirmed' ELSE 'departed' END, count(*)
    FROM consent_records
    WHERE (at AT TIME ZONE 'UTC')::date < (now() AT TIME ZONE 'UTC')::date GROUP BY 1, 2, 3
    """,
    """
    INSERT INTO growth_days (day, newsletter, kind, count)
    SELECT DISTINCT day, '', 'settled', 0 FROM growth_days
    """,
    """
    INSERT INTO suppressions (address_hash, reason, at)
    SELECT md5(id::text) || md5('x' || id), 'hard bounce', now() FROM subscribers
    WHERE state = 'suppressed'
    """,
    """
    INSERT INTO suppression_changes (subject, action, reason, way, at)
    SELECT address_hash, 'added', reason, 'bounce', at FROM suppressions
    """,
    """
    INSERT INTO segments (slug, name, query, description, created_at, updated_at) VALUES
    ('west', 'West Africa', 'region is west-africa', '', now(), now()),
    ('new', 'New ones', 'signed up in the last 7 days', '', now(), now()),
    ('fifty', 'One domain', 'domain is readers7.example.org', '', now(), now())
    """,
)

# Texts of a length that articles have: 600 words of 3,000, and some that tell them apart.
ARTICLES = (
    """
    INSERT INTO articles (
        identity, likeness, url, title, series, number, published_on, published_precision,
        standfirst, body_html, body_text, regions, countries, topics, related, flags,
        settled_flags, printed, words, revision, checksum, state, grows, noticed_at, updated_at)
    SELECT 'made-' || n, 'made-' || n, 'https://news.example.org/' || n,
        'Piece ' || n || ' about ' || (ARRAY['Mali', 'Kenya', 'Nepal', 'Peru'])[n % 4 + 1],
        'Series ' || n % 12, n::text, (now() - (:articles - n) * interval '1 hour')::date, 'day',
        'What happened at place ' || n % 500, '<p>' || body || '</p>', body,
        to_jsonb(ARRAY[(ARRAY['west-africa', 'east-africa', 'south-asia', 'south-america'])
            [n % 4 + 1], (ARRAY['africa', 'africa', 'asia', 'americas'])[n % 4 + 1]]),
        to_jsonb(ARRAY[(ARRAY['ML', 'KE', 'NP', 'PE'])[n % 4 + 1]]),
        to_jsonb(ARRAY[(ARRAY['security', 'energy'])[n % 2 + 1]]), '[]', '[]', '[]', '{}', 600, 1,
        'made-' || n, 'published', false, now() - (:articles - n) * interval '1 hour', now()
    FROM generate_series(1, :articles) AS n
    CROSS JOIN LATERAL (
        SELECT 'a ferry crossing ' || CASE n % 2000 WHEN 0 THEN 'zanzibar ' ELSE '' END
            || string_agg('word' || (n * 31 + i * 17) % 3000, ' ') AS body
        FROM generate_series(1, 600) AS i
    ) AS made
    """,
    """
    INSERT INTO article_authors (article_id, position, name)
    SELECT id, 1, 'Author Number ' || id % 400 FROM articles
    """,
    """
    INSERT INTO article_cards (article_id, words, series, places, flagged, withdrawn)
    SELECT a.id, lower(a.title || ' author number ' || a.id % 400 || ' ' || a.series), a.series,
        ' ' || (a.regions ->> 0) || ' ' || (a.regions ->> 1) || ' ' || (a.countries ->> 0) || ' ',
        a.id % 500 = 0, false
    FROM articles a
    """,
    """
    INSERT INTO sources (key, url, kind, every_seconds, state, created_at, next_poll_at, fence,
        failures)
    SELECT 'made-' || n, 'https://news.example.org/feed' || n, 'feed', 900, 'active', now(), now(),
        0, 0
    FROM generate_series(1, 40) AS n
    """,
    """
    INSERT INTO source_entries (source_id, key, url, article_id, shown_at, failures)
    SELECT s.id, md5(a.id::text), a.url, a.id, now(), 0
    FROM articles a JOIN sources s ON s.id = a.id % 40 + 1
    """,
)

# Issues of long ago, from one number to another, with their pieces in the archive and its search.
OLD_ISSUES = (
    """
    INSERT INTO issues (newsletter, frequency, state, number, number_count, subject, preheader,
        editors_note, until, content, message_domain, created_at, approved_at, version, set_aside,
        audience_upto, audience_at, started_at, finished_at)
    SELECT :newsletter, 'immediate', 'sent', n, 1, 'Issue ' || n, '', '', at, '{}', 'example.org',
        at, at, 1, '[]', 0, at, at, at + interval '1 hour'
    FROM generate_series(CAST(:first AS integer), :last) AS n
    CROSS JOIN LATERAL (SELECT now() - (:count - n) * interval '1 day') AS m(at)
    """,
    """
    INSERT INTO issue_numbers (newsletter, frequency, number, issue_id)
    SELECT newsletter, frequency, number, id FROM issues WHERE number BETWEEN :first AND :last
    """,
    """
    INSERT INTO issue_items (issue_id, section, position, article_id, part, late)
    SELECT i.id, 'articles', p, (i.number - 1) * :pieces + p, 0, false
    FROM issues i CROSS JOIN generate_series(1, :pieces) AS p
    WHERE i.number BETWEEN :first AND :last
    """,
    """
    INSERT INTO archive_issues (issue_id, newsletter, frequency, number, number_count, subject,
        date, out_at, preheader, pieces)
    SELECT i.id, i.newsletter, i.frequency, i.number, 1, i.subject, to_char(i.until, 'DD Mon YYYY'),
        i.started_at, '', (
            SELECT jsonb_agg(jsonb_build_object('title', a.title, 'url', a.url, 'authors',
                '["Somebody"]'::jsonb, 'standfirst', a.standfirst))
            FROM issue_items t JOIN articles a ON a.id = t.article_id WHERE t.issue_id = i.id)
    FROM issues i WHERE i.number BETWEEN :first AND :last ORDER BY i.number
    """,
    """
    INSERT INTO archive_pieces (key, issue_id, title, url, authors, label, series, date, standfirst,
        body)
    SELECT a.id::text, t.issue_id, a.title, a.url, 'Author Number ' || a.id % 400, '', a.series,
        a.published_on::text, a.standfirst, a.body_text
    FROM issues i JOIN issue_items t ON t.issue_id = i.id JOIN articles a ON a.id = t.article_id
    WHERE i.number BETWEEN :first AND :last ORDER BY i.number, t.position
    ON CONFLICT (key) DO NOTHING
    """,
    """
    INSERT INTO archive_marks (kind, slug, piece_id, name)
    SELECT shelf.kind, shelf.slug, p.id, shelf.name
    FROM archive_pieces p JOIN archive_issues i ON i.issue_id = p.issue_id
    JOIN articles a ON a.id = CAST(p.key AS bigint)
    CROSS JOIN LATERAL (VALUES
        ('year', to_char(i.out_at, 'YYYY'), to_char(i.out_at, 'YYYY')),
        ('region', a.regions ->> 0, a.regions ->> 0),
        ('region', a.regions ->> 1, a.regions ->> 1),
        ('series', 'series-' || a.id % 12, p.series),
        ('author', 'author-number-' || a.id % 400, p.authors)
    ) AS shelf(kind, slug, name)
    WHERE i.number BETWEEN :first AND :last
    """,
    """
    INSERT INTO archive_words (piece_id, words)
    SELECT p.id, to_tsvector('simple', p.title || ' ' || p.authors || ' ' || p.standfirst || ' '
        || p.body)
    FROM archive_pieces p JOIN archive_issues i ON i.issue_id = p.issue_id
    WHERE i.number BETWEEN :first AND :last
    """,
)

# An issue's rows; then its counts by the minute, as they come about on the way.
LEDGER = (
    """
    INSERT INTO deliveries (issue_id, subscriber_id, edition_id, state, reason, attempts,
        last_attempt_at)
    SELECT :issue, subscriber_id, (SELECT min(id) FROM editions WHERE issue_id = :issue),
        CASE WHEN subscriber_id % 100 < :unsent THEN 'pending' WHEN subscriber_id % 100 = 98
            THEN 'failed' WHEN subscriber_id % 100 = 99 THEN 'skipped' ELSE 'sent' END,
        CASE subscriber_id % 100 WHEN 98 THEN '550 5.1.1' WHEN 99 THEN
            'nothing for this reader''s wishes' END, 1, CAST(:at AS timestamptz)
    FROM subscriptions
    WHERE newsletter = :newsletter AND ended_at IS NULL AND subscriber_id % :part = 0
    """,
    """
    INSERT INTO ledger_tallies (issue_id, minute, state, kind, count, settled)
    SELECT :issue, CAST(:at AS timestamptz) + m * interval '1 minute', 'sent', '',
        t.count / :minutes + CASE m WHEN 0 THEN t.count % :minutes ELSE 0 END, true
    FROM ledger_tallies t CROSS JOIN generate_series(0, :minutes - 1) AS m
    WHERE t.issue_id = :issue AND t.state = 'sent' AND NOT t.settled
    """,
    "DELETE FROM ledger_tallies WHERE issue_id = :issue AND state = 'sent' AND NOT settled",
    "UPDATE issues SET audience_at = :at WHERE id = :issue",
)

# What comes in besides: bounces, inbound mail, the log, runs, outcomes, webhooks.
DAY_BY_DAY = (
    """
    INSERT INTO bounce_events (mail_id, position, issue_id, newsletter, kind, code, domain,
        diagnostic, at, subscriber_id, delivery_id)
    SELECT n, 0, :issue, 'gp-alert', (ARRAY['hard', 'soft', 'policy', 'complaint'])[n % 4 + 1],
        '5.1.1', 'readers' || n % 50 || '.example.org', 'no such mailbox',
        now() - (n % 90) * interval '1 day', n, n
    FROM generate_series(1, 20000) AS n
    """,
    """
    INSERT INTO returned_counts (day, domain, kind, code, count)
    SELECT (now() - d * interval '1 day')::date, 'readers' || e || '.example.org', k, '5.1.1', 7
    FROM generate_series(0, 365) AS d CROSS JOIN generate_series(1, 50) AS e
    CROSS JOIN (VALUES ('hard'), ('soft'), ('policy'), ('complaint')) AS kinds(k)
    """,
    """
    INSERT INTO inbound_mails (digest, raw, size, received_at, way, state, attempts, kind, bounce,
        note, expires_at)
    SELECT md5(n::text), convert_to('From: mailer-daemon@example.org' || chr(10) || 'Subject: '
        || 'Undelivered' || chr(10) || chr(10) || repeat('It is not there. ', 200), 'UTF8'), 3500,
        now() - n * interval '1 minute', 'smtp', 'done', 1, 'bounce', 'hard', '',
        now() + interval '30 days'
    FROM generate_series(1, 20000) AS n
    """,
    """
    INSERT INTO staff_audit_entries (at, actor, account_id, act, subject_kind, subject_id, details)
    SELECT now() - (200000 - n) * interval '5 minutes', 'program', NULL, 'issue.approved', 'issue',
        (n % 400 + 1)::text, '{}'
    FROM generate_series(1, 200000) AS n
    """,
    """
    INSERT INTO runs (newsletter, frequency, schedule, period, due_at, started_at, outcome, reason)
    SELECT 'gp-alert', 'daily', '', 'made ' || n, now() - n * interval '1 hour',
        now() - n * interval '1 hour', 'skipped', 'nothing new'
    FROM generate_series(1, 20000) AS n
    """,
    """
    INSERT INTO outcome_counts (hour, last_at, provider, outcome, count, settled)
    SELECT date_trunc('hour', now()) - h * interval '1 hour', now(), 'provider' || p, o, 90, true
    FROM generate_series(0, 240) AS h CROSS JOIN generate_series(1, 20) AS p
    CROSS JOIN (VALUES ('sent'), ('deferred'), ('hard'), ('soft')) AS outcomes(o)
    """,
    """
    INSERT INTO webhook_endpoints (url, name, events, addresses, secrets, created_at, failures,
        fence)
    SELECT 'https://hooks.example.org/' || n, 'Hook ' || n, '["issue.sent"]', false, '[]', now(), 0,
        0
    FROM generate_series(1, 3) AS n
    """,
    """
    INSERT INTO webhook_events (public_id, kind, data, at)
    SELECT 'evt_' || n, 'issue.sent', '{"id": 1}', now() FROM generate_series(1, 10000) AS n
    """,
    """
    INSERT INTO webhook_deliveries (event_id, endpoint_id, state, not_before, until, attempts)
    SELECT e.id, w.id, 'delivered', now(), now(), 1
    FROM webhook_events e CROSS JOIN webhook_endpoints w
    """,
)
