"""From events to a proven model: dataset by replay, training, report, bundle, and the pure decision."""
