"""Pure functions from the files of a corpus to arrays and tables; nothing here knows of TFDS or of models."""
