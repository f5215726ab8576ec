"""Raw data and its shapes, known pairs, text features, preferences, export."""
