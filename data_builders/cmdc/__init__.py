"""CMDC: interviews in Chinese, one answer a file; README.md says how the corpus lies and what is done about it."""
