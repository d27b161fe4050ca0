"""What the business means: events, features, policy, simulator; one folder a domain. Nothing here does I/O."""
