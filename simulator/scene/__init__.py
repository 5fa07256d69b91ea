"""A city as triangles and materials, with a class and an instance for each face."""
