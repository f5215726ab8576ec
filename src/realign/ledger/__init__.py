"""The label ledger: every verdict is bought once, found by what it depends on, and shared in batches."""
