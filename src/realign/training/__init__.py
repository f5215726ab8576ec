"""Training with TRL: supervised and DPO, deterministic, resumable, with our own log."""
