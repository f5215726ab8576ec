"""The page on which people say which of two responses is better: one process, one SQLite file, no internet."""
