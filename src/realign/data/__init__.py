"""Raw data: readers of every shape, text features, preferences, export."""
