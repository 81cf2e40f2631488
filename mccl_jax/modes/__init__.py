"""One file a mode of run.py: each puts the rooms of the house together for one job."""
