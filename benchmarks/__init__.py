"""Speed, measured: CPU-seconds, median and spread, machine and commit. Never a test."""
