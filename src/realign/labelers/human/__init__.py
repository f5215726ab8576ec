"""People as labelers: the page, consensus, exchange files."""
