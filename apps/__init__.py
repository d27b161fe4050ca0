"""What runs: one file a process, plus the command line. The only code that knows Kafka or SQL."""
