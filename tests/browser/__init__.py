"""The page in a real browser. A package, so that the browser ends with it: while it is there, no other test can run
a loop of asyncio."""
