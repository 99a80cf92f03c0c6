-- The store of one workspace. Every state a candidate reaches is one row in `transitions`, written in the transaction
-- that makes it true; a process killed at any point resumes at the last true state.

CREATE TABLE IF NOT EXISTS candidates (
    id           TEXT PRIMARY KEY,
    state        TEXT NOT NULL,
    proposer     TEXT NOT NULL,          -- codemod, human:NAME, ...
    base_commit  TEXT NOT NULL,
    tree         TEXT NOT NULL,          -- digest of the result tree's manifest
    created      INTEGER NOT NULL,       -- unix seconds
    run          INTEGER,                -- NULL for a person's proposal
    trials       INTEGER NOT NULL DEFAULT 0,
    parts        TEXT NOT NULL           -- JSON object: name of a part (diff, evidence, ...) -> digest in the blobs
) STRICT;

CREATE TABLE IF NOT EXISTS transitions (
    sequence     INTEGER PRIMARY KEY AUTOINCREMENT,
    candidate    TEXT NOT NULL REFERENCES candidates(id),
    source       TEXT NOT NULL,          -- '' when it was drafted
    target       TEXT NOT NULL,
    at           INTEGER NOT NULL,
    note         TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS trials (
    tree         TEXT NOT NULL,
    suite        TEXT NOT NULL,
    split        TEXT NOT NULL,
    task         TEXT NOT NULL,
    runtime      TEXT NOT NULL,
    limits       TEXT NOT NULL,
    seed         INTEGER NOT NULL,
    repeat       INTEGER NOT NULL,
    model        TEXT NOT NULL,          -- '' for trials without one
    score_ppm    INTEGER NOT NULL,
    PRIMARY KEY (tree, suite, split, runtime, limits, seed, repeat, model, task)
) STRICT, WITHOUT ROWID;

-- What trials with a model cost, and where to find what was said. Those that could not be measured are kept as well.
CREATE TABLE IF NOT EXISTS attempts (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    tree         TEXT NOT NULL,
    suite        TEXT NOT NULL,
    split        TEXT NOT NULL,
    task         TEXT NOT NULL,
    runtime      TEXT NOT NULL,
    limits       TEXT NOT NULL,
    seed         INTEGER NOT NULL,
    repeat       INTEGER NOT NULL,
    model        TEXT NOT NULL,
    score_ppm    INTEGER,                -- NULL when it was not measured
    failure      TEXT NOT NULL,          -- none, agent, provider, verifier
    note         TEXT NOT NULL,
    calls        INTEGER NOT NULL,
    usage        TEXT NOT NULL,          -- JSON object: tokens by kind
    micro_usd    INTEGER NOT NULL,
    exchanges    TEXT NOT NULL           -- JSON array of digests in the transcripts
) STRICT;

CREATE INDEX IF NOT EXISTS attempts_of_tree ON attempts (tree, suite, split);

CREATE TABLE IF NOT EXISTS runs (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    started      INTEGER NOT NULL,
    ended        INTEGER,
    ending       TEXT,                   -- NULL while it runs, or when it was killed
    proposer     TEXT NOT NULL,
    wanted       INTEGER NOT NULL,       -- candidates asked for
    made         INTEGER NOT NULL DEFAULT 0,
    trials       INTEGER NOT NULL DEFAULT 0,
    message      TEXT NOT NULL DEFAULT ''
) STRICT;

-- What tests may err. A level is reserved, and a look counted, before the first trial of a test; both are settled in the
-- transaction that makes its decision true.
CREATE TABLE IF NOT EXISTS error_budgets (
    owner        TEXT PRIMARY KEY,       -- run NUMBER, or candidate ID for what a person brought
    budget       TEXT NOT NULL           -- JSON: agent.evaluate.alpha.ErrorBudget
) STRICT;

CREATE TABLE IF NOT EXISTS heldout_looks (
    exam         TEXT PRIMARY KEY,       -- which held-out tasks people chose: agent.evaluate.suite.Suite.exam
    suite        TEXT NOT NULL,
    used         INTEGER NOT NULL,
    spent_ppb    INTEGER NOT NULL        -- levels of all looks so far
) STRICT;

CREATE TABLE IF NOT EXISTS allowances (
    candidate    TEXT PRIMARY KEY REFERENCES candidates(id),
    allowance    TEXT NOT NULL           -- JSON: agent.candidate.Allowance, as it was given
) STRICT;

-- What the gate log was read to say: it is the truth, and a store that was lost learns from it.
CREATE TABLE IF NOT EXISTS logged (
    entry        INTEGER PRIMARY KEY,    -- all up to the highest were read
    candidate    TEXT NOT NULL,          -- '' for an entry about none
    kind         TEXT NOT NULL
) STRICT;

-- Rows of `candidates` that are none: each was made to see whether its flaw is noticed, and none can be committed.
CREATE TABLE IF NOT EXISTS drills (
    candidate    TEXT PRIMARY KEY REFERENCES candidates(id),
    drill        TEXT NOT NULL           -- JSON: agent.loop.drills.Drill
) STRICT;
