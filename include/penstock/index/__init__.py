"""Stores that hold vectors and texts. ``open_index`` makes one from the address of the store."""
