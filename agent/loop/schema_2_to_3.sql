-- What was measured before tests had an error budget is evidence of another schema: it is to be proposed and measured anew.
INSERT INTO transitions (candidate, source, target, at, note)
SELECT id, state, 'superseded', CAST(strftime('%s', 'now') AS INTEGER),
    'measured by an older version: propose it again' FROM candidates
WHERE state IN ('evaluated', 'judged', 'awaiting_review');

UPDATE candidates SET state = 'superseded' WHERE state IN ('evaluated', 'judged', 'awaiting_review')
