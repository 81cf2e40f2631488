"""Made-up corpora with a known signal, in OpenFace's own text; README.md says how they come about."""
