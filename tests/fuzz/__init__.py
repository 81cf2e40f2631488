"""Seeded fuzzing of everything that reads raw files: `python -m tests.fuzz --files 5000 --seed 0`; see README.md."""
