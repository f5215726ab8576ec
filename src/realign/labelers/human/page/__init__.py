"""The page on which people vote which of two responses is better: one process, one SQLite file, no internet."""
