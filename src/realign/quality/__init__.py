"""Quality gates: Great Expectations suites over responses, pairs and preferences."""
