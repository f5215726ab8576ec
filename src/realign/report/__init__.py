"""The page a person looks at: self-contained, no script, opens offline."""
