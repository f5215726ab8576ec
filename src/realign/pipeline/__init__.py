"""The pipeline: one module a stage, and the runner that reads and writes their artifacts."""
