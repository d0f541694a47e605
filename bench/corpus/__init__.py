"""How fast a corpus becomes tokens, here and with `datasets`."""
