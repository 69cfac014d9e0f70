"""E-mail of customers: what comes in by SMTP or LMTP, what agents answer, and how that leaves."""
