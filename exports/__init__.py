"""How a LightGBM model leaves Python: one file a format. Knows trees, not payments."""
