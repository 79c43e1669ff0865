"""Finding and following one person: landmarks, mask and matte."""
