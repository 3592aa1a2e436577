"""From bytes to elements, in child processes that may die without harm."""
