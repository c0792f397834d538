-- The codes of spec/services.md 5 over the tables of duckdb_side.sql and duckdb_match.sql. Parameters stand in the tables
-- terms (one row) and zones (leg, channel, first, last; channel '' for all others).

CREATE TEMP TABLE suspects AS
SELECT p_row FROM both_channel
WHERE mine IS DISTINCT FROM theirs OR fen <> their_fen OR fee_fen <> their_fee_fen
UNION SELECT p_row FROM both_his WHERE mine IS DISTINCT FROM theirs OR fen <> their_fen
UNION SELECT p_row FROM both_insurance WHERE mine IS DISTINCT FROM theirs OR fen <> their_fen;

CREATE TEMP TABLE sides AS
SELECT
    m.row AS p_row, m.day, m.channel,
    coalesce(c.mine, 'none') AS mine_c, coalesce(h.mine, 'none') AS mine_h, coalesce(i.mine, 'none') AS mine_i,
    coalesce(c.theirs, 'absent') AS c, coalesce(h.theirs, 'absent') AS h, coalesce(i.theirs, 'absent') AS i,
    c.row AS c_row, h.row AS h_row, i.row AS i_row,
    c.fen AS mine_c_fen, h.fen AS mine_h_fen, i.fen AS mine_i_fen,
    c.their_fen AS c_fen, h.their_fen AS h_fen, i.their_fen AS i_fen, c.fee_fen AS mine_fee, c.their_fee_fen AS c_fee,
    c.moment AS mine_c_at, h.moment AS mine_h_at, i.moment AS mine_i_at,
    c.their_moment AS c_at, h.their_moment AS h_at, i.their_moment AS i_at
FROM (SELECT row, day, channel FROM movements WHERE row IN (FROM suspects)) m
LEFT JOIN (FROM both_channel WHERE p_row IN (FROM suspects)) c ON c.p_row = m.row
LEFT JOIN (FROM both_his WHERE p_row IN (FROM suspects)) h ON h.p_row = m.row
LEFT JOIN (FROM both_insurance WHERE p_row IN (FROM suspects)) i ON i.p_row = m.row;

CREATE TEMP TABLE compared AS
SELECT
    *,
    mine_c = 'done' AND c IN ('reversed', 'absent') AS platform_only,
    mine_c IN ('failed', 'reversed') AND c = 'done' AND h <> 'done' AS channel_only,
    (mine_c = 'done' AND c IN ('open', 'failed'))
        OR (mine_c = 'open' AND c <> 'open')
        OR (mine_c IN ('failed', 'reversed') AND (c = 'open' OR (c = 'done' AND h = 'done'))) AS c_differs,
    mine_h = 'done' AND h IN ('reversed', 'absent') AS h_lacks,
    mine_h = 'reversed' AND h = 'done' AND c <> 'done' AS his_only,
    (mine_h = 'done' AND h IN ('open', 'failed'))
        OR (mine_h = 'open' AND h <> 'open')
        OR (mine_h IN ('failed', 'reversed') AND h = 'open')
        OR (mine_h = 'failed' AND h = 'done')
        OR (mine_h = 'reversed' AND h = 'done' AND c = 'done') AS h_differs,
    mine_i = 'done' AND i IN ('reversed', 'absent') AS ins_missing,
    mine_i = 'reversed' AND i = 'done' AS ins_only,
    (mine_i = 'done' AND i IN ('open', 'failed'))
        OR (mine_i = 'open' AND i <> 'open')
        OR (mine_i IN ('failed', 'reversed') AND i = 'open')
        OR (mine_i = 'failed' AND i = 'done') AS i_differs
FROM sides;

-- Rows of the other books that no platform row names.
CREATE TEMP TABLE lonely AS
SELECT 'channel' AS leg, row, kind, theirs AS state, trade_no, day, channel, their_moment AS moment
FROM both_channel WHERE p_row IS NULL
UNION ALL
SELECT 'his', row, kind, theirs, trade_no, day, channel, their_moment FROM both_his WHERE p_row IS NULL
UNION ALL
SELECT 'insurance', row, kind, theirs, trade_no, day, channel, their_moment FROM both_insurance WHERE p_row IS NULL;

CREATE TEMP TABLE linked AS
WITH numbered AS (
    SELECT leg, row, kind, trade_no, row_number() OVER (PARTITION BY leg, kind, trade_no ORDER BY row) AS turn
    FROM lonely WHERE state = 'done' AND trade_no <> '' AND leg <> 'insurance'
)
SELECT a.row AS c_row, b.row AS h_row
FROM numbered a JOIN numbered b USING (kind, trade_no, turn) WHERE a.leg = 'channel' AND b.leg = 'his';

CREATE TEMP TABLE missing AS
SELECT 'PLATFORM_ONLY' AS code, 'channel' AS leg, p_row, c_row, h_row, i_row, day, channel, mine_c_at AS moment, c_at AS their_moment
FROM compared WHERE platform_only
UNION ALL
SELECT 'CHANNEL_ONLY', 'channel', p_row, c_row, h_row, i_row, day, channel, mine_c_at, c_at FROM compared WHERE channel_only
UNION ALL
SELECT 'HIS_MISSING', 'his', p_row, c_row, h_row, i_row, day, channel, mine_h_at, h_at
FROM compared WHERE h_lacks AND NOT platform_only AND NOT c_differs
UNION ALL
SELECT 'HIS_ONLY', 'his', p_row, c_row, h_row, i_row, day, channel, mine_h_at, h_at FROM compared WHERE his_only
UNION ALL
SELECT 'INS_MISSING', 'insurance', p_row, c_row, h_row, i_row, day, channel, mine_i_at, i_at FROM compared WHERE ins_missing
UNION ALL
SELECT 'INS_ONLY', 'insurance', p_row, c_row, h_row, i_row, day, channel, mine_i_at, i_at FROM compared WHERE ins_only
UNION ALL
SELECT
    CASE leg WHEN 'channel' THEN 'CHANNEL_ONLY' WHEN 'his' THEN 'HIS_ONLY' ELSE 'INS_ONLY' END, leg, NULL,
    CASE leg WHEN 'channel' THEN row END, CASE leg WHEN 'his' THEN row END, CASE leg WHEN 'insurance' THEN row END,
    day, channel, NULL, moment
FROM lonely
WHERE state = 'done'
  AND NOT (leg = 'channel' AND row IN (SELECT c_row FROM linked))
  AND NOT (leg = 'his' AND row IN (SELECT h_row FROM linked));

CREATE TEMP TABLE judged AS
SELECT
    missing.*,
    date_diff('day', missing.day, terms.day) < terms.pool_days AS young,
    list_bool_or([
        second BETWEEN zone.first AND zone.last OR second + 86400 <= zone.last
        FOR second IN [(missing.moment + 28800) % 86400, (their_moment + 28800) % 86400] IF second IS NOT NULL
    ]) AS near
FROM missing
CROSS JOIN terms
JOIN zones other ON other.leg = missing.leg AND other.channel = ''
LEFT JOIN zones own ON own.leg = missing.leg AND own.channel = missing.channel
CROSS JOIN LATERAL (SELECT coalesce(own.first, other.first) AS first, coalesce(own.last, other.last) AS last) zone;

CREATE TEMP TABLE found AS
SELECT
    CASE WHEN young AND near THEN 'CUTOVER' ELSE code END AS code, p_row, c_row, h_row, i_row,
    CASE leg WHEN 'channel' THEN 1 WHEN 'his' THEN 2 ELSE 4 END AS books,
    CASE WHEN young AND near THEN code ELSE '' END AS underlying,
    young AND (near OR code = 'PLATFORM_ONLY') AS pooled
FROM judged
UNION ALL
SELECT
    'STATUS_MISMATCH', p_row, c_row, h_row, i_row,
    c_differs::INT + 2 * h_differs::INT + 4 * i_differs::INT, '', false
FROM compared WHERE c_differs OR h_differs OR i_differs
UNION ALL
SELECT 'AMOUNT_MISMATCH', p_row, c_row, h_row, i_row, c_amount::INT + 2 * h_amount::INT + 4 * i_amount::INT, '', false
FROM (
    SELECT
        *,
        coalesce(mine_c_fen <> c_fen AND ((mine_c = 'done' AND c = 'done')
            OR (c_differs AND 'reversed' NOT IN (mine_c, c))), false) AS c_amount,
        coalesce(mine_h_fen <> h_fen AND ((mine_h = 'done' AND h = 'done')
            OR (h_differs AND 'reversed' NOT IN (mine_h, h))), false) AS h_amount,
        coalesce(mine_i_fen <> i_fen AND ((mine_i = 'done' AND i = 'done')
            OR (i_differs AND 'reversed' NOT IN (mine_i, i))), false) AS i_amount
    FROM compared
)
WHERE c_amount OR h_amount OR i_amount
UNION ALL
SELECT 'FEE_MISMATCH', p_row, c_row, h_row, i_row, 1, '', false
FROM compared WHERE mine_c = 'done' AND c = 'done' AND mine_fee <> c_fee
UNION ALL
SELECT 'STATUS_MISMATCH', NULL, c_row, h_row, NULL, 3, '', false FROM linked
UNION ALL
SELECT
    'STATUS_MISMATCH', NULL, CASE leg WHEN 'channel' THEN row END, CASE leg WHEN 'his' THEN row END,
    CASE leg WHEN 'insurance' THEN row END, CASE leg WHEN 'channel' THEN 1 WHEN 'his' THEN 2 ELSE 4 END, '', false
FROM lonely WHERE state = 'open'
UNION ALL
SELECT 'DUPLICATE', NULL, row, NULL, NULL, 1, '', false FROM book_channel WHERE place > 1 AND state = 'done'
UNION ALL
SELECT 'DUPLICATE', NULL, NULL, row, NULL, 2, '', false FROM book_his WHERE place > 1 AND state = 'done'
UNION ALL
SELECT 'DUPLICATE', NULL, NULL, NULL, row, 4, '', false FROM book_insurance WHERE place > 1 AND state = 'done'
UNION ALL
SELECT 'DUPLICATE', row, NULL, NULL, NULL, sum(mask) + 8, '', false
FROM (
    SELECT row, 1 AS mask FROM mine_channel WHERE place > 1 AND state = 'done'
    UNION ALL SELECT row, 2 FROM mine_his WHERE place > 1 AND state = 'done'
    UNION ALL SELECT row, 4 FROM mine_insurance WHERE place > 1 AND state = 'done'
)
GROUP BY row;
