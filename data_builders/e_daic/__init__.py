"""E-DAIC: interviews led by a person or by a program; README.md says how the corpus lies and what is done about it."""
