"""From a trained model and mosaics before and after to maps: rasters, vectors, hot spots, a page."""
