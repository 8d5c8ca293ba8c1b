"""Between a client and the model that this server pays for: what may be asked, and the answer on its way back."""
