"""One's own recordings: a folder of OpenFace CSVs and a table of labels."""
