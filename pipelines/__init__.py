"""The command line: one module a stage. Packages below say what; this one says when."""
