"""Running services of customers: what each is, how it begins and ends, and who does the work of which kind."""
