-- Trials are named by their model too. Those of before had none.
ALTER TABLE trials RENAME TO trials_1;

CREATE TABLE trials (
    tree         TEXT NOT NULL,
    suite        TEXT NOT NULL,
    split        TEXT NOT NULL,
    task         TEXT NOT NULL,
    runtime      TEXT NOT NULL,
    limits       TEXT NOT NULL,
    seed         INTEGER NOT NULL,
    repeat       INTEGER NOT NULL,
    model        TEXT NOT NULL,
    score_ppm    INTEGER NOT NULL,
    PRIMARY KEY (tree, suite, split, runtime, limits, seed, repeat, model, task)
) STRICT, WITHOUT ROWID;

INSERT INTO trials SELECT tree, suite, split, task, runtime, limits, seed, repeat, '', score_ppm FROM trials_1;

DROP TABLE trials_1;
