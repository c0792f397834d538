-- One side of one leg: rows with their state once pairs are removed, and which of several rows of a reference counts.
-- $$name is the table to make, $$source a query that gives: row, name, original, kind, state, ref, fen, fee_fen, trade_no,
-- day, channel, moment.

CREATE TEMP TABLE $name AS
WITH source AS MATERIALIZED ($source),
redo AS (
    SELECT row, original, -fen AS fen, moment, row_number() OVER (PARTITION BY original, fen ORDER BY row) AS turn
    FROM source WHERE kind = 'redo' AND state = 'done' AND original <> ''
),
redone AS (
    SELECT row, name, fen, row_number() OVER (PARTITION BY name, fen ORDER BY row) AS turn
    FROM source WHERE kind = 'undo' AND state = 'done' AND name IN (SELECT original FROM redo)
),
redo_pairs AS (
    SELECT redone.row AS earlier, redo.row AS later, redo.moment
    FROM redone JOIN redo ON redone.name = redo.original AND redone.fen = redo.fen AND redone.turn = redo.turn
),
undo AS (
    SELECT row, original, -fen AS fen, moment, row_number() OVER (PARTITION BY original, fen ORDER BY row) AS turn
    FROM source
    WHERE kind = 'undo' AND state = 'done' AND original <> '' AND row NOT IN (SELECT earlier FROM redo_pairs)
),
undone AS (
    SELECT row, name, fen, row_number() OVER (PARTITION BY name, fen ORDER BY row) AS turn
    FROM source WHERE kind = 'pay' AND state = 'done' AND name IN (SELECT original FROM undo)
),
undo_pairs AS (
    SELECT undone.row AS earlier, undo.row AS later, undo.moment
    FROM undone JOIN undo ON undone.name = undo.original AND undone.fen = undo.fen AND undone.turn = undo.turn
),
paired AS (
    SELECT unnest([earlier, later]) AS row, moment
    FROM (SELECT * FROM redo_pairs UNION ALL SELECT * FROM undo_pairs)
),
settled AS MATERIALIZED (
    SELECT
        source.row, kind, ref, fen, fee_fen, trade_no, day, channel,
        CASE WHEN paired.row IS NULL THEN state ELSE 'reversed' END AS state,
        coalesce(paired.moment, source.moment) AS moment
    FROM source LEFT JOIN paired ON source.row = paired.row
),
several AS (
    SELECT kind, ref FROM settled GROUP BY kind, ref HAVING count(*) > 1
),
ranked AS (
    SELECT row, row_number() OVER (
        PARTITION BY kind, ref
        ORDER BY CASE state WHEN 'done' THEN 0 WHEN 'open' THEN 1 WHEN 'failed' THEN 2 ELSE 3 END, row
    ) AS place
    FROM settled SEMI JOIN several USING (kind, ref)
)
SELECT settled.*, coalesce(ranked.place, 1) AS place FROM settled LEFT JOIN ranked ON settled.row = ranked.row;
