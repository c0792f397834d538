-- Both sides of one leg, each platform row beside its partner; a row of the book that has none stands with p_row null.
-- $$leg is the leg; its tables are made by duckdb_side.sql.

CREATE TEMP TABLE both_$leg AS
SELECT
    m.row AS p_row, b.row AS row, coalesce(m.kind, b.kind) AS kind,
    m.state AS mine, b.state AS theirs, m.fen AS fen, b.fen AS their_fen, m.fee_fen AS fee_fen, b.fee_fen AS their_fee_fen,
    m.moment AS moment, b.moment AS their_moment, b.trade_no AS trade_no, b.day AS day, b.channel AS channel
FROM (FROM mine_$leg WHERE place = 1) m FULL JOIN (FROM book_$leg WHERE place = 1) b ON m.kind = b.kind AND m.ref = b.ref;
