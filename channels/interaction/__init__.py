"""One chat or e-mail thread, who of the agents has it in which state, and what they may do with it."""
