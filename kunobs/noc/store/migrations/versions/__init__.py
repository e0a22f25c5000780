"""The schema's changes, oldest first; one that was released is never edited."""
