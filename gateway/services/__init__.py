"""What is configured of the customers' side: services, resource groups, patterns and the templates they are made of."""
