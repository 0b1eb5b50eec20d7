"""Programs that are killed again and again, at servers that fail, and what must hold after it."""
