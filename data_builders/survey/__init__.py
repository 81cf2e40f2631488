"""What a folder of raw files holds, found out before anything is prepared, and in words that may be shared."""
