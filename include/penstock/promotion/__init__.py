"""Champion and challenger: what a gain is, what luck may spend, and who serves."""
