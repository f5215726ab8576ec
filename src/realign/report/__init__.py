"""Pages and charts: self-contained HTML without scripts, readable offline."""
