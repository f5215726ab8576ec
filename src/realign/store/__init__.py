"""Everything that lasts: schemas, artifacts, content ids, the row cache, checkpoints, the label ledger."""
