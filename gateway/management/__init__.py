"""How administrators manage services, numbers, patterns and templates over HTTP."""
