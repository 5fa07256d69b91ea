"""Other engines on the same triangles, each a script for an environment of its own; benchmarks only."""
