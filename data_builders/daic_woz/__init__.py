"""DAIC-WOZ: interviews with a virtual interviewer; README.md says how the corpus lies and what is done about it."""
