-- Looks at held-out tasks are counted by what people chose these tasks to be, no more by everything that decides a score:
-- an update of Python made them another suite, with all its looks before it. What was counted under the old names would
-- be found by nobody. schema.sql makes the table anew, and the gate log tells which looks were taken.
DROP TABLE IF EXISTS heldout_looks
