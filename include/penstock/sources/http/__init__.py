"""Asking servers that are not ours: where a connection may lead, how often, how large an answer may be."""
