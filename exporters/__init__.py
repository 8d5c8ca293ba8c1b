"""Writers of conversations in forms that people and other programs read, independent of where the text goes."""
